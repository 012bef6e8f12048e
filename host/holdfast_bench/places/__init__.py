"""Places a plan can be carried out: twin, real boards, simulation. One file each, all with `carry_out(plan, history, options, …)`."""

from .options import Options  # noqa: F401
from .run import run_plan  # noqa: F401
