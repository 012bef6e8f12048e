# dtu_config.py - the check of the setting `dtu`, loaded with the configuration where there is one. What the settings mean is in docs/dtu.md.
# May import: config.   Time: none.   Blocks: never.
from .config import ConfigError, _check, _text

_WHOLE = (  # name, default, range
    ("uart", 1, (1, 2)),
    ("baud", 9600, (300, 1000000)),
    ("bits", 8, (7, 8)),
    ("stop", 1, (1, 2)),
    ("rx_bytes", 4096, (256, 16384)),
    ("length", 0, (0, 1024)),
    ("idle_ms", None, (0, 60000)),
    ("longest", 256, (1, 1024)),
    ("gap_ms", 5, (0, 1000)),
    ("heartbeat_s", 30, (1, 3600)),
    ("port", 0, (0, 65535)),
    ("clients", 1, (1, 4)),
    ("buffer_bytes", 4096, (0, 32768)),
)
_WORDS = (
    ("mode", ["broker", "server"]),
    ("parity", ["none", "even", "odd"]),
    ("flow", ["none", "rts", "cts", "rts_cts"]),
)
_PINS = ("tx", "rx", "rts", "cts", "de")


# Bytes of a setting: text, or "hex:0d0a".
def _bytes(name, value, longest):
    _text(name, value, 0, 2 * longest + 4)
    if value[:4] == "hex:":
        try:
            value = bytes([int(value[i : i + 2], 16) for i in range(4, len(value), 2)])
        except ValueError:
            raise ConfigError("%s: %r is not hexadecimal" % (name, value))
    else:
        value = value.encode()
    if len(value) > longest:
        raise ConfigError("%s: %d bytes; at most %d" % (name, len(value), longest))
    return value


def check_dtu(given, classes):
    if not isinstance(given, dict):
        raise ConfigError("dtu: %r is not an object" % given)
    given = dict(given)
    done = {}
    for name, default, allowed in _WHOLE:
        value = given.pop(name, default)
        done[name] = value if value is None and default is None else _check("dtu." + name, value, allowed)
    for name, allowed in _WORDS:
        done[name] = _check("dtu." + name, given.pop(name, allowed[0]), allowed)
    for name in _PINS:
        value = given.pop(name, None)
        done[name] = None if value is None else _check("dtu." + name, value, (0, 60))
    for name in ("tx", "rx"):
        if done[name] is None:
            raise ConfigError("dtu.%s: give the pin; there is no default that suits every chip" % name)
    for name, default, longest in (("delimiter", "", 4), ("registration", "", 128), ("heartbeat", "", 128), ("answer", "", 64)):
        done[name] = _bytes("dtu." + name, given.pop(name, default), longest)
    for name, default in (("up", "dtu/up"), ("down", "dtu/down")):
        done[name] = _text("dtu." + name, given.pop(name, default), 1, 100)
        if "+" in done[name] or "#" in done[name]:
            raise ConfigError("dtu.%s: %r is a pattern, not a topic" % (name, done[name]))
    done["qos"] = _check("dtu.qos", given.pop("qos", 1), [0, 1, 2])
    done["down_qos"] = _check("dtu.down_qos", given.pop("down_qos", 1), [0, 1, 2])
    done["class"] = _text("dtu.class", given.pop("class", "normal"), 1, 32)
    for name in sorted(given):
        raise ConfigError("dtu.%s: there is no such setting" % name)
    return _together(done, classes)


def _together(done, classes):
    named = [c for c in classes if c["name"] == done["class"]]
    if not named:
        raise ConfigError("dtu.class: there is no class %r" % done["class"])
    if done["mode"] == "server" and not done["port"]:
        raise ConfigError("dtu.port: the port to listen at is missing")
    if done["length"] and done["delimiter"]:
        raise ConfigError("dtu: either `length` or `delimiter`")
    if done["flow"] in ("rts", "rts_cts") and done["rts"] is None or done["flow"] in ("cts", "rts_cts") and done["cts"] is None:
        raise ConfigError("dtu.flow: %s needs its pin" % done["flow"])
    if done["flow"] in ("rts", "rts_cts") and done["mode"] == "broker" and named[0]["overflow"] != "raise":
        raise ConfigError('dtu.class: with flow control the class must have "overflow": "raise", so that a full memory stops the line')
    if done["idle_ms"] is None:
        done["idle_ms"] = 0 if done["delimiter"] or done["length"] else 20
    if not (done["idle_ms"] or done["length"] or done["delimiter"]):
        raise ConfigError("dtu.idle_ms: with 0 it takes `length` or `delimiter`")
    return done
