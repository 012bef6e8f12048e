"""A probe as a list of steps. Common subset of CPython and MicroPython: lab_sim.py and lab_twin.py read probes with it."""

# The image has umqtt.simple 1.6 frozen in, whose connect() takes a time-out and whose publish() refuses QoS 2 before it sends
# anything; the bench has 1.3.4 from PyPI (docs/twin.md).
UMQTT_1_6 = """
class _Bounded:
    def __init__(self, timeout):
        self.timeout = timeout; self.getaddrinfo = socket.getaddrinfo
    def socket(self):
        s = socket.socket(); s.settimeout(self.timeout); return s
def _connect(self, clean_session=True, timeout=None, plain=us.MQTTClient.connect):
    us.socket = _Bounded(timeout)
    return plain(self, clean_session)
us.MQTTClient.connect = _connect
def _publish(self, topic, msg, retain=False, qos=0, plain=us.MQTTClient.publish):
    assert qos < 2
    return plain(self, topic, msg, retain, qos)
us.MQTTClient.publish = _publish
"""
UMQTT_IMPORT = "import umqtt.simple as us, umqtt.robust as ur\n"
LIMIT_S = 120           # of a step that names none


class Step:
    """kind: run, softreset, machinereset, powercycle, sysreset; code: what is run then; limit_s: Ctrl-C after that."""

    def __init__(self, kind, limit_s, code):
        self.kind, self.limit_s, self.code = kind, limit_s, code


def read(text, base):
    """[Step] of a probe's text. base: the number its BASE_PORT stands for."""
    # Values were cut at 400 characters; what the fakes have beside a chip's must not push that out of the line.
    preamble, *parts = text.replace("BASE_PORT", str(base)).replace("r[:400]", "r[:4000]").split("#--- ")
    parts = [part.replace(UMQTT_IMPORT, UMQTT_IMPORT + UMQTT_1_6) for part in parts]
    steps = []
    for part in parts:
        head, _, code = part.partition("\n")
        kind, *options = head.split()
        limit_s = LIMIT_S
        for option in options:
            if option.startswith("to="):
                limit_s = int(option[3:])
        steps.append(Step(kind, limit_s, preamble + code))
    return steps
