"""The limits a scenario sets on numbers of the result, such as at least one watchdog bite."""

from .result import BAD, UNKNOWN, Finding


def bounds(numbers, limits, complete):
    """Findings for every number outside its limits {name: {"min":…, "max":…}}; a number that did not happen is outside.

    In a run that was not `complete` what is still missing might have come: unknown.
    """
    findings = []
    for name in sorted(limits):
        low, high, value = limits[name].get("min"), limits[name].get("max"), numbers.get(name)
        if value is None or (low is not None and value < low) or (high is not None and value > high):
            wanted = " and ".join(text for text in ("at least %s" % low if low is not None else "",
                                                    "at most %s" % high if high is not None else "") if text)
            too_much = value is not None and high is not None and value > high
            findings.append(Finding("bounds", BAD if complete or too_much else UNKNOWN, "%s is %s, expected %s" % (name, "not known" if value is None else value, wanted)))
    return findings
