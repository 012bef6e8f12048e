"""A remembered address is not used for longer than `lease_s` says: then DHCP is asked again. R11."""

from .laws import Outcome, found, law
from .result import BAD

SLACK_S = 60


@law
def lease(case):
    limit_s = case.plan.get("config", {}).get("lease_s")
    if case.plan.get("application") != "streams" or limit_s is None:
        return Outcome({}, [])
    given, findings = None, []
    for e in case.of("chip", "radio"):
        if e.get("what") != "got_ip":
            continue
        if not e.get("static"):
            given = e["t"]
        elif given is not None and e["t"] - given > limit_s * 1020 + SLACK_S * 1000:
            findings.append(found("lease", BAD, "a remembered address was used %d s after DHCP had given it, %d s are allowed"
                                  % ((e["t"] - given) // 1000, limit_s), e["t"]))
    return Outcome({}, findings[:3])
