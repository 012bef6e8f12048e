"""The broker refuses every login: 4 a wrong password, 5 not authorised, 3 not available now."""

from pydantic import Field

from . import fault
from ._hooks import HookFault


@fault("login_refused")
class LoginRefused(HookFault):
    hook, counter, shown, kicks = "refuse", "refused", "%d logins refused", True

    class Args(HookFault.Args):
        code: int = Field(5, ge=1, le=5)  # CONNACK return code, MQTT 3.1.1 section 3.2.2.3
