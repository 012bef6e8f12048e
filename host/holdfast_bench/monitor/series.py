"""Numbers out of payloads, and thinning them for a plot. Pure."""

import json
import math
import re

_NUMBERED = re.compile(rb"[0-9a-f]{1,8}:\d+ ")      # the stock application numbers its messages: "<life>:<n> <value>"
FIELDS_MAX = 12
_NO_PLOT = ("cause", "boots")   # of a node's metrics: they are on its time line


def values(topic, payload, unpacked=None):
    """[(name, value), …] of a payload: a number, or the numbers of a JSON object, or what a schema made of it. Nothing for anything else."""
    if unpacked is not None:
        return [("%s %s" % (topic, name), value) for name, value in list(unpacked.items())[:FIELDS_MAX] if value is not None]
    payload = bytes(payload)
    found = _NUMBERED.match(payload)
    if found:
        payload = payload[found.end():]
    number = _number(payload)
    if number is not None:
        return [(topic, number)]
    if payload[:1] == b"{":
        try:
            given = json.loads(payload)
        except (ValueError, RecursionError):
            return []
        return [("%s %s" % (topic, key), value) for key, value in list(given.items())[:FIELDS_MAX] if type(value) in (int, float) and math.isfinite(value) and not (topic == "metrics" and key in _NO_PLOT)]
    return []


def _number(text):
    if not 0 < len(text) <= 32:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def decimate(points, wanted):
    """At most about `wanted` of the points (time, value), ascending by time: lowest and highest of each stretch, so that no spike is lost."""
    if len(points) <= wanted:
        return points
    stretch = (len(points) - 1) // (wanted // 2) + 1
    kept = []
    for at in range(0, len(points), stretch):
        part = points[at : at + stretch]
        low, high = min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])
        kept += sorted({low, high})
    return kept
