"""A phone that has joined a node's own access point: what it asks there, and what it makes of the answers. Sans-I/O: whoever carries it (simulation,
twin) takes its questions to the node. Common subset of CPython and MicroPython. May use: nothing.

Phones find out by themselves that they are not online: they ask for a page of their maker's, and where they are sent elsewhere they show that to their owner.
"""

AP_NET = "192.168.4."
OWN = AP_NET + "2"
LOOK_MS = 1000          # how often it looks for the access point
JOIN_MS = 1500
ANSWER_MS = 10_000      # for an answer
AGAIN_MS = 3000         # after one that did not come
LIMIT_MS = 300_000      # its owner has had enough
QUERY = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07captive\x05apple\x03com\x00\x00\x01\x00\x01"
PROBE = "/hotspot-detect.html"
RIGHT, MISSING = "right", "missing"


def visit(fields, say):
    """Fills in the form with `fields` (name -> text). A generator: it yields ("dns", query) or ("http", request) and is sent the answer's bytes, None when
    none came. say(ev, key, value, …) tells what the phone sees. Returns whether the node has taken the form in, or has said what is wrong with it."""
    answer = yield "dns", QUERY
    if not answer or answer[:2] != QUERY[:2] or len(answer) < len(QUERY) + 16:
        return False
    at = "%d.%d.%d.%d" % tuple(answer[-4:])
    answer = yield "http", _request("GET", PROBE, "captive.apple.com")
    to = _location(answer)
    if not to:
        return False
    say("redirected", "to", to, "name_leads_to", at)
    answer = yield "http", _request("GET", "/", at)
    if not answer or b"name=ssid" not in answer:
        return False
    say("page", "why", _bold(answer), "secrets", _secrets(answer, fields))
    answer = yield "http", _request("POST", "/", at, _form(fields))
    if not answer:
        return False
    if b"Saved" in answer:
        say("saved", "secrets", _secrets(answer, fields))
    else:
        say("refused", "why", _bold(answer), "secrets", _secrets(answer, fields))
    return True


def form(setup, wifi, broker, node_id):
    """What its owner types: an action's `setup`, the network {"ssid", "key"}, the broker {"host", "port", "user", "password"}, the node's name."""
    return {"ssid": wifi["ssid"], "key": wifi["key"] + ("" if setup.get("key", RIGHT) == RIGHT else "-not"),
            "host": "" if setup.get("broker") == MISSING else broker["host"], "port": str(broker["port"]), "user": broker["user"],
            "password": broker["password"] + ("" if setup.get("password", RIGHT) == RIGHT else "-not"), "id": node_id}


def _request(method, path, host, body=""):
    head = "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: CaptiveNetworkSupport\r\nConnection: close\r\n" % (method, path, host)
    if body:
        head += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n" % len(body)
    return (head + "\r\n" + body).encode()


def _form(fields):
    return "&".join(["%s=%s" % (name, _quoted(fields[name])) for name in sorted(fields)])


def _quoted(text):
    return "".join([chr(c) if 48 <= c < 58 or 65 <= c < 91 or 97 <= c < 123 else "%%%02X" % c for c in text.encode()])


def _location(answer):
    """Where an answer sends us; "" when it does not."""
    if not answer or answer.find(b" 302 ") < 0:
        return ""
    at = answer.find(b"\r\nLocation: ")
    return str(answer[at + 12:answer.find(b"\r\n", at + 2)], "utf-8") if at >= 0 else ""


def _bold(page):
    """What the page says in bold: why the node is still not set up."""
    at = page.find(b"<b>")
    return str(page[at + 3:page.find(b"</b>", at)], "utf-8") if at >= 0 else ""


def _secrets(page, fields):
    """Whether the page says what was typed as a key or a password."""
    return any([fields[name] and fields[name].encode() in page for name in ("key", "password")])
