# paths_config.py - the check of the setting `paths`, loaded with the configuration where there is one. What the settings mean is in docs/paths.md.
# May import: config.   Time: none.   Blocks: never.
from .config import ConfigError, _check, _numeric

_WHOLE = (  # name, default, range
    ("keep_ms", 50, (1, 60000)),
    ("keep_loss", 1, (0, 100)),
    ("switch_ms", 200, (1, 60000)),
    ("switch_loss", 5, (0, 100)),
    ("fall", 2, (1, 20)),
    ("rise", 3, (1, 20)),
    ("return_s", 60, (5, 3600)),
)
_KINDS = ("wifi", "lan", "ppp")
_PHYS = ["LAN8710", "LAN8720", "IP101", "RTL8201", "DP83848", "KSZ8041", "KSZ8081"]
_PINS = ("mdc", "mdio", "power", "reset", "ref_clk")
_PPP = (  # name, default, range
    ("uart", 1, (1, 2)),
    ("baud", 115200, (9600, 921600)),
    ("tx", None, (0, 54)),
    ("rx", None, (0, 54)),
    ("rts", None, (0, 54)),
    ("cts", None, (0, 54)),
    ("reset", None, (0, 54)),
    ("auth", "none", ["none", "pap", "chap"]),
    ("limit_s", 120, (30, 600)),
    ("ping_s", None, (1, 1800)),
)


# The setting with its defaults. Raises ConfigError.
def check_paths(given):
    if not isinstance(given, dict):
        raise ConfigError("paths: an object is needed")
    given = dict(given)
    done = {name: _check("paths." + name, given.pop(name, default), allowed) for name, default, allowed in _WHOLE}
    order = given.pop("order", None)
    if not isinstance(order, list) or not order or [kind for kind in order if kind not in _KINDS or order.count(kind) > 1]:
        raise ConfigError("paths.order: a list of these is needed, each once, the preferred first: %s" % ", ".join(_KINDS))
    done["order"] = order
    done["lan"] = _lan(given.pop("lan", None)) if "lan" in order else None
    done["ppp"] = _ppp(given.pop("ppp", None)) if "ppp" in order else None
    for key in sorted(given):
        raise ConfigError("paths.%s: there is no such setting, or no such path in `order`" % key)
    for name in ("ms", "loss"):
        if done["keep_" + name] > done["switch_" + name]:
            raise ConfigError("paths.keep_%s: %d is more than switch_%s, %d" % (name, done["keep_" + name], name, done["switch_" + name]))
    return done


def _lan(given):
    if not isinstance(given, dict):
        raise ConfigError("paths.lan: an object is needed: phy, addr, mdc, mdio")
    given = dict(given)
    phy = _check("paths.lan.phy", given.pop("phy", "LAN8720"), _PHYS)
    done = {"phy": phy, "addr": _check("paths.lan.addr", given.pop("addr", 0), (0, 31))}
    for name in _PINS:
        pin = given.pop(name, None)
        if pin is None and name in ("mdc", "mdio"):
            raise ConfigError("paths.lan.%s: the number of a pin is needed" % name)
        done[name] = pin if pin is None else _check("paths.lan." + name, pin, (0, 54))
    mode = given.pop("ref_clk_mode", None)
    done["ref_clk_mode"] = mode if mode is None else _check("paths.lan.ref_clk_mode", mode, ["in", "out"])
    static = given.pop("static", None)
    if static is not None and (not isinstance(static, list) or len(static) != 4 or not all([_numeric(a) for a in static])):
        raise ConfigError("paths.lan.static: not a list of address, mask, gateway and DNS server, as 192.168.1.50")
    done["static"] = static
    for key in sorted(given):
        raise ConfigError("paths.lan.%s: there is no such setting" % key)
    return done


def _ppp(given):
    if not isinstance(given, dict):
        raise ConfigError("paths.ppp: an object is needed: uart, tx, rx, apn")
    given = dict(given)
    name = "paths.ppp."
    done = {}
    for key, default, allowed in _PPP:
        value = given.pop(key, default)
        done[key] = value if value is None and default is None else _check(name + key, value, allowed)
    for key in ("tx", "rx"):
        if done[key] is None:
            raise ConfigError("%s%s: the number of a pin is needed" % (name, key))
    for key, default, longest in (("apn", None, 63), ("pin", None, 8), ("dial", "*99#", 20), ("user", None, 64), ("password", None, 64)):
        done[key] = value = given.pop(key, default)
        if value is not None and (not isinstance(value, str) or not 1 <= len(value) <= longest or [c for c in value if not " " < c < "\x7f" or c == '"']):
            raise ConfigError("%s%s: not a text of 1 to %d characters, without blanks and quotation marks" % (name, key, longest))
    if done["apn"] is None:
        raise ConfigError(name + "apn: the operator's access point name is needed")
    if done["pin"] is not None and not (done["pin"].isdigit() and len(done["pin"]) >= 4):
        raise ConfigError(name + "pin: not 4 to 8 digits")
    if done["auth"] != "none" and (done["user"] is None or done["password"] is None):
        raise ConfigError("%sauth: %s wants user and password" % (name, done["auth"]))
    for key in sorted(given):
        raise ConfigError("%s%s: there is no such setting" % (name, key))
    return done
