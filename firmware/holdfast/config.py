# config.py - the table of settings, and the check of a configuration against it.
# May import: json, os, trial, dtu_config, paths_config.   Time: none.   Blocks: reading a small file.
#
# Only loaded while a Node is made: what the table means is in its comments, from which tools/settings_doc.py makes the
# table of docs/firmware.md.
import json
import os


# A setting is missing, unknown or out of range; the text names it and says what is allowed.
class ConfigError(ValueError):
    pass


# (name, default, allowed): (low, high) for a whole number, a list of words, or the name of a check below.
TABLE = (
    ("id", None, "name"),  # name of the node in its topics and as MQTT client id; null: "hf-" and the chip's own number
    ("base", "holdfast", "name"),  # first level of every topic
    ("wifi", None, "networks"),  # networks to join, tried in turn: ssid, key; optional bssid, static (address, mask, gateway, DNS)
    ("brokers", None, "brokers"),  # brokers, the preferred one first: host; optional port (1883), user, password, tls (true, or an object: see TLS), protocol (mqtt, or frames for a gateway: port 7180), transport (tcp, udp, ws with path)
    ("classes", [{"name": "normal"}, {"name": "keep", "overflow": "drop_newest"}], "classes"),  # classes of messages: name, overflow (drop_oldest, drop_newest, raise), ttl_s (0: never too old)
    ("envelope", "json", ["json", "frame", "none"]),  # how payloads travel: with sequence, boot and time as JSON or as a binary frame (docs/frames.md), or bare
    ("keepalive_s", 30, (5, 3600)),  # MQTT keep-alive: the broker publishes the last will 1.5 times this after the last packet [s]
    ("ping_s", 8, (1, 1800)),  # silence after which the broker is asked for a sign of life [s]
    ("suspect_ms", 1500, (200, 60000)),  # an answer later than this (or four round trips) makes the link suspect [ms]
    ("pingresp_ms", 1500, (200, 60000)),  # the same as suspect_ms for the answer to a heartbeat [ms]
    ("probe_ms", 400, (100, 20000)),  # pause between the three probes that decide (or two round trips) [ms]
    ("connack_ms", 5000, (500, 60000)),  # limit for the broker's answer to CONNECT; of a broker that is alone 4 times that, then 8, then 16, for a whole fleet may be in its queue [ms]
    ("ack_ms", 20000, (1000, 600000)),  # a message not acknowledged for so long while others are: new connection [ms]
    ("dial_ms", 1000, (200, 30000)),  # limit for one try to connect (or four round trips); some tries get 2, 3 or 6 times that, each an eighth more or less [ms]
    ("window", 16, (1, 256)),  # messages on their way at one time
    ("burst", 128, (0, 256)),  # messages sent at once when a connection begins, whatever the window
    ("drain_per_s", 50, (0, 1000)),  # pace of messages older than 10 s after the burst; 0: no limit [1/s]
    ("policy", "decorrelated", ["decorrelated", "exponential", "gentle", "fixed"]),  # back-off between tries, after the first minute
    ("base_ms", 1000, (50, 60000)),  # shortest back-off [ms]
    ("cap_ms", 5000, (50, 3600000)),  # longest back-off [ms]
    ("jitter", "equal", ["none", "additive", "ten", "equal", "full", "half"]),  # spread of the back-off over a fleet
    ("quick_ms", 60000, (0, 3600000)),  # length of the quick phase at the start of an outage, in which tries are less than a second apart [ms]
    ("useful_ms", 10000, (0, 3600000)),  # time online with acknowledged messages that ends an outage [ms]
    ("breaker_limit", 5, (1, 127)),  # times a broker may accept and drop the node before it is left alone for a while
    ("open_ms", 30000, (1000, 3600000)),  # how long such a broker is left alone [ms]
    ("barred_ms", 900000, (1000, 86400000)),  # pause after a broker has refused name or password [ms]
    ("return_s", 60, (0, 3600)),  # with a backup broker: how often a preferred one is looked for, less often while it does not answer; 0: never [s]
    ("standby_s", 0, (0, 3600)),  # with a backup broker: a second connection is kept open to it, renewed so often; 0: none, see [paths.md](paths.md) [s]
    ("wifi_join_ms", 8000, (3000, 60000)),  # limit for one attempt to associate; the DHCP answer gets 20 s [ms]
    ("wifi_pm", 0, (0, 2)),  # radio power saving: 0 none, 1 and 2 save power and delay what comes in by up to a second
    ("lease_s", 3600, (0, 86400)),  # how long a remembered address is used without asking DHCP again; 0: never [s]
    ("reset_after_s", 1800, (0, 604800)),  # outage after which the chip is reset, each time later; 0: never [s]
    ("cooldown_s", 30, (1, 3600)),  # deep sleep in place of the third reset and later ones [s]
    ("link_limit_s", 60, (30, 600)),  # check-in limit of the network task [s]
    ("watchdog_s", 30, (0, 3600)),  # hardware watchdog; with broker names instead of addresses at least 25; 0: none [s]
    ("stop_ms", 3000, (0, 60000)),  # so long node.stop() waits for messages on their way [ms]
    ("safe_boots", 8, (0, 14)),  # so many starts in a row that get nowhere, and the node keeps still for a while, its messages untouched and the prompt reachable; 0: never
    ("safe_s", 900, (10, 86400)),  # how long it keeps still; then one more try [s]
    ("rtc_bytes", 2048, (512, 8192)),  # RTC memory to use [bytes]
    ("spool_kb", 256, (0, 16384)),  # flash for messages that RTC memory has no room for without a connection; 0: none [KB]
    ("spool_at", 75, (10, 100)),  # so full RTC memory may get without a connection before its messages go to flash: what a loss of power may cost [%]
    ("spool_erases", 5000, (1, 1000000)),  # flash blocks that may be erased a day for that; then the overflow policies decide
    ("payload_max", 512, (1, 1024)),  # longest payload that publish() takes [bytes]
    ("out_bytes", 1440, (512, 4096)),  # output buffer: what is written to the network in one piece; the chip sends 1440 in one packet [bytes]
    ("in_bytes", 1024, (128, 8192)),  # longest message that is handed to a handler [bytes]
    ("ntp", None, "host"),  # time server, by address or name, which sets the clock by SNTP; null: somebody else sets it
    ("ntp_s", 86400, (60, 604800)),  # how often it is asked [s]
    ("metrics_s", 300, (0, 86400)),  # how often the node's numbers go out on the topic `metrics`; 0: never [s]
    ("log", "none", ["none", "INFO", "WARN", "ERROR", "FATAL"]),  # what of the log goes out on the topic `log`: this level and those above
    ("app_ping_s", 0, (0, 3600)),  # how often the receiver behind the broker is asked for a sign of life; 0: never [s]
    ("app_ping_limit_s", 60, (1, 86400)),  # without an answer for so long it counts as away (event `receiver`) [s]
    ("remote", True, "switch"),  # answer cmd/ping, cmd/reset and cmd/config
    ("update_key", None, "secret"),  # with it the node takes new firmware over the broker, in bundles signed with the same key, see docs/updates.md; null: it takes none
    ("broker_list", False, "switch"),  # take another list of brokers from the retained topic cmd/brokers, see docs/configuration.md
    ("console", True, "switch"),  # protocol on the REPL UART for the bench and for people
    ("verbose", False, "switch"),  # print each message accepted, sent and acknowledged
    ("paths", None, "anything"),  # several paths, such as Ethernet and Wi-Fi: an object, see [paths.md](paths.md); null: Wi-Fi only, its networks tried in turn
    ("dtu", None, "anything"),  # serial-to-network unit: an object, see docs/dtu.md; null: none
    ("app", {}, "anything"),  # the application's own settings, not looked at
)


# The configuration in the file `source` (or a dict), checked and completed with the defaults. Raises ConfigError.
def load(source):
    trial = None
    given = source
    if isinstance(source, str):
        if _there(source + ".try"):
            from .trial import at_start

            given, trial = at_start(source)
            if given:
                try:
                    return _checked(given, source, trial)
                except ConfigError:  # it was checked before it was written: this is damage
                    trial["over"] = True
        given = _read(source)
    return _checked(given, source, trial)


def _checked(given, source, trial):
    names = [row[0] for row in TABLE]
    for name in sorted(given):
        if name not in names:
            raise ConfigError("%s: there is no such setting" % name)
    done = {name: _check(name, given.get(name, default), allowed) for name, default, allowed in TABLE if name != "wifi" or name in given or not given.get("paths")}
    if done["dtu"] is not None:
        from .dtu_config import check_dtu

        done["dtu"] = check_dtu(done["dtu"], done["classes"])
    if done["paths"] is not None:
        from .paths_config import check_paths

        done["paths"] = check_paths(done["paths"])
        if "wifi" in done["paths"]["order"] and "wifi" not in done:
            raise ConfigError("paths.order: names wifi, but there is no `wifi`")
        if done["dtu"] and done["paths"]["ppp"] and done["dtu"]["uart"] == done["paths"]["ppp"]["uart"]:
            raise ConfigError("paths.ppp.uart: %d is that of `dtu`" % done["dtu"]["uart"])
    _together(done)
    if isinstance(source, str):
        done["source"] = source
        if trial:
            done["trial"] = trial
    return done


# What no setting by itself can tell.
def _together(cfg):
    named = [b["host"] for b in cfg["brokers"] + [{"host": cfg["ntp"] or ""}] if b["host"].replace(".", "") and not b["host"].replace(".", "").isdigit()]
    if named and 0 < cfg["watchdog_s"] < 25:
        raise ConfigError("watchdog_s: %d is too short for %s, a name: asking for it may take 21 s; at least 25, 0 for none" % (cfg["watchdog_s"], named[0]))
    if cfg["base_ms"] > cfg["cap_ms"]:
        raise ConfigError("base_ms: %d is more than cap_ms, %d" % (cfg["base_ms"], cfg["cap_ms"]))
    classes = [c["name"] for c in cfg["classes"]]
    for c in classes:
        if classes.count(c) > 1:
            raise ConfigError("classes: two are called %r" % c)
    if "raw" in [b["protocol"] for b in cfg["brokers"]]:
        if not cfg["dtu"]:
            raise ConfigError("brokers: the protocol raw is for a serial line; there is no `dtu`")
        if cfg["dtu"]["answer"] and not cfg["dtu"]["heartbeat"]:
            raise ConfigError("dtu.answer: to what? there is no `heartbeat`")
        cfg["metrics_s"] = 0  # would be bytes among others
        cfg["log"] = "none"
    if "normal" not in classes:
        raise ConfigError("classes: one must be called 'normal'")


def _there(path):
    try:
        return os.stat(path)
    except OSError:
        return None


def _read(path):
    try:
        with open(path) as f:
            found = json.load(f)
    except OSError:
        raise ConfigError("%s: there is no such file" % path)
    except ValueError:
        raise ConfigError("%s: not JSON" % path)
    if not isinstance(found, dict):
        raise ConfigError("%s: not a JSON object" % path)
    return found


def _check(name, value, allowed):
    if isinstance(allowed, tuple):
        if not isinstance(value, int) or isinstance(value, bool) or not allowed[0] <= value <= allowed[1]:
            raise ConfigError("%s: %r is not a whole number from %d to %d" % (name, value, allowed[0], allowed[1]))
    elif isinstance(allowed, list):
        if value not in allowed:
            raise ConfigError("%s: %r is none of %s" % (name, value, ", ".join(allowed)))
    elif allowed == "switch":
        if not isinstance(value, bool):
            raise ConfigError("%s: %r is neither true nor false" % (name, value))
    elif allowed == "host":
        if value is not None:
            _text(name, value, 1, 253)
    elif allowed == "secret":
        if value is not None and (not isinstance(value, str) or not 16 <= len(value.encode()) <= 64):
            raise ConfigError("%s: not a text of 16 to 64 bytes" % name)
    elif allowed == "name":
        if value is not None or name != "id":
            _text(name, value, 1, 32)
            for c in "+#/ ":
                if c in value:
                    raise ConfigError("%s: %r must not contain %r" % (name, value, c))
    elif allowed != "anything":
        if not isinstance(value, list) or not value or len(value) > 8:
            raise ConfigError("%s: a list of 1 to 8 objects is needed" % name)
        check = {"networks": _network, "brokers": _broker, "classes": _class}[allowed]
        return [_object("%s[%d]" % (name, i), value[i], check) for i in range(len(value))]
    return value


def _text(name, value, low, high):
    if not isinstance(value, str) or not low <= len(value.encode()) <= high:
        raise ConfigError("%s: %r is not a text of %d to %d bytes" % (name, value, low, high))
    return value


def _object(name, value, check):
    if not isinstance(value, dict):
        raise ConfigError("%s: %r is not an object" % (name, value))
    value = dict(value)
    done = check(name, value)
    for key in sorted(value):
        raise ConfigError("%s.%s: there is no such setting" % (name, key))
    return done


def _numeric(address):
    parts = address.split(".") if isinstance(address, str) else ()
    return len(parts) == 4 and all([part.isdigit() and int(part) < 256 for part in parts])


def _network(name, given):
    bssid = given.pop("bssid", None)
    if bssid is not None:
        try:
            parts = bssid.split(":")
            bssid = bytes([int(part, 16) for part in parts])
        except (ValueError, AttributeError):
            bssid = b""
        if len(bssid) != 6:
            raise ConfigError("%s.bssid: not of the form aa:bb:cc:dd:ee:ff" % name)
    static = given.pop("static", None)
    if static is not None and (not isinstance(static, list) or len(static) != 4 or not all([_numeric(a) for a in static])):
        raise ConfigError("%s.static: not a list of address, mask, gateway and DNS server, as 192.168.1.50" % name)
    ssid = _text(name + ".ssid", given.pop("ssid", None), 1, 32)
    key = given.pop("key", None)
    if key is not None:
        _text(name + ".key", key, 0, 64)
    return {"ssid": ssid, "key": key or None, "bssid": bssid, "static": static}


def _broker(name, given):
    broker = {"host": _text(name + ".host", given.pop("host", None), 1, 253)}
    broker["protocol"] = _check(name + ".protocol", given.pop("protocol", "mqtt"), ["mqtt", "frames", "raw"])
    broker["transport"] = _check(name + ".transport", given.pop("transport", "tcp"), ["tcp", "udp", "ws"])
    if broker["transport"] == "udp" and broker["protocol"] == "mqtt":
        raise ConfigError("%s.transport: udp does not carry mqtt" % name)
    broker["tls"] = tls = _tls(name + ".tls", given.pop("tls", False))
    if tls and broker["transport"] == "udp":
        raise ConfigError("%s.tls: not over udp" % name)
    port = {"frames": 7180, "raw": 0}.get(broker["protocol"], 8883 if tls else 1883)
    if broker["transport"] == "ws":
        if broker["protocol"] != "mqtt":
            raise ConfigError("%s.transport: ws carries the protocol mqtt only" % name)
        port = 443 if tls else 80
        broker["path"] = _text(name + ".path", given.pop("path", "/mqtt"), 1, 100)
        if broker["path"][0] != "/" or " " in broker["path"]:
            raise ConfigError("%s.path: %r does not begin with / or has a blank" % (name, broker["path"]))
    broker["port"] = _check(name + ".port", given.pop("port", port), (1, 65535))
    for key in ("user", "password"):
        text = given.pop(key, None)
        if text is not None:
            _text("%s.%s" % (name, key), text, 0, 255)
        broker[key] = text
    return broker


# False, true (verified, with the certificate in ca.der), or an object: ca, name, verify, cert, key.
def _tls(name, given):
    if given is False:
        return None
    given = {} if given is True else given
    if not isinstance(given, dict):
        raise ConfigError("%s: neither true nor false nor an object" % name)
    given = dict(given)
    tls = {"verify": _check(name + ".verify", given.pop("verify", True), "switch")}
    for key, default in (("ca", "ca.der"), ("name", None), ("cert", None), ("key", None)):
        tls[key] = value = given.pop(key, default)
        if value is not None:
            _text("%s.%s" % (name, key), value, 1, 64)
    for key in sorted(given):
        raise ConfigError("%s.%s: there is no such setting" % (name, key))
    return tls


def _class(name, given):
    return {
        "name": _text(name + ".name", given.pop("name", None), 1, 32),
        "overflow": _check(name + ".overflow", given.pop("overflow", "drop_oldest"), ["drop_oldest", "drop_newest", "raise"]),
        "ttl_s": _check(name + ".ttl_s", given.pop("ttl_s", 0), (0, 100000000)),
    }
