"""Envelopes on the host: what a node's MQTT payload says about itself (docs/protocol.md).

A pure function over bytes that judges and never trusts. May use: frames. Knows nothing of topics, brokers or databases.
"""

import base64
import json
from typing import NamedTuple

from . import frames

BARE, JSON, FRAME = "none", "json", "frame"
NUMBER_MAX = 0xFFFFFFFF  # of `i` and `b`
TRACE_MAX = 64
# A clock that shows an earlier or later time has never been set: 2020-01-01 and 2100-01-01, ms.
_EARLIEST_MS, _LATEST_MS = 1577836800000, 4102444800000


class Malformed(ValueError):
    """It says that it is an envelope, and is none. The text says what is wrong."""


class Opened(NamedTuple):
    kind: str            # BARE, JSON or FRAME
    epoch: int | None    # None: bare
    seq: int | None
    time_ms: int | None  # of the sender, since 1970; None: not told, or not plausible
    payload: bytes
    trace: str | None    # given by the sender; None: made of device, epoch and number
    odd_clock: bool      # a time was told that cannot be
    schema: int | None = None  # the payload is packed; schema.py tells how


def open_envelope(raw):
    """Opens the payload of an MQTT message (bytes). Raises Malformed."""
    first = raw[:1]
    if first == b"{":
        found = _open_json(raw)
        if found:
            return found
    elif first == b"\xf5" and raw[:2] == frames.MAGIC:
        return _open_frame(raw)
    return Opened(BARE, None, None, None, raw, None, False)


def _open_json(raw):
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError):  # not UTF-8 included
        return None
    if "i" not in given or "b" not in given or not ("p" in given or "p64" in given):
        return None
    seq, epoch, trace = given["i"], given["b"], given.get("tr")
    if type(seq) is not int or not 1 <= seq <= NUMBER_MAX:
        raise Malformed("envelope: i is no number from 1 to %d" % NUMBER_MAX)
    if type(epoch) is not int or not 0 <= epoch <= NUMBER_MAX:
        raise Malformed("envelope: b is no number from 0 to %d" % NUMBER_MAX)
    if "p" in given:
        payload = given["p"]
        if not isinstance(payload, str):
            raise Malformed("envelope: p is no text")
        payload = payload.encode("utf-8", "surrogatepass")
    else:
        try:
            payload = base64.b64decode(given["p64"], validate=True)
        except (ValueError, TypeError):
            raise Malformed("envelope: p64 is no base64") from None
    if trace is not None and not (isinstance(trace, str) and 0 < len(trace) <= TRACE_MAX and trace.isprintable()):
        trace = None
    time_ms, odd = plausible(given.get("t"))
    schema = given.get("s")
    return Opened(JSON, epoch, seq, time_ms, payload, trace, odd, schema if type(schema) is int and 1 <= schema <= 255 else None)


def _open_frame(raw):
    found = frames.open_envelope(raw)
    if not found or not found[0]:
        raise Malformed("frame: damaged, or not one message frame alone")
    seq, epoch, t, payload, schema = found
    time_ms, odd = plausible(t)
    return Opened(FRAME, epoch, seq, time_ms, payload, None, odd, schema)


def plausible(t):
    """(time in ms or None, whether it was one that cannot be: 1970, the far future, no whole number)."""
    if t is None:
        return None, False
    if type(t) is int and _EARLIEST_MS <= t < _LATEST_MS:
        return t, False
    return None, True
