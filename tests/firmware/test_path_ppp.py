# Cellular as a path (R25): the dialogue with the modem, in steps, against a line on which anything may come, and both interfaces of network.PPP.
import os
import sys
from random import getrandbits, seed
from time import ticks_us

MARK = "/tmp/holdfast-ppp-%d-%d.pin" % (ticks_us(), getrandbits(24))  # several interpreters run at one time
LCP = b"\x7e\xff\x7d\x23\xc0\x21"
GOOD = {"AT": b"\r\nOK\r\n", "ATE0": b"ATE0\r\r\nOK\r\n", "ATH": b"\r\nOK\r\n", "AT+CPIN?": b"\r\n+CPIN: READY\r\n\r\nOK\r\n", "AT+CEREG?": b"\r\n+CEREG: 0,5\r\n\r\nOK\r\n",
        'AT+CGDCONT=1,"IP","internet"': b"\r\nOK\r\n", "ATD*99#": b"\r\nCONNECT 115200\r\n" + LCP}
GIVEN = {"uart": 1, "baud": 115200, "tx": 17, "rx": 16, "rts": None, "cts": None, "reset": None, "apn": "internet", "pin": None, "dial": "*99#", "auth": "none",
         "user": None, "password": None, "limit_s": 120, "ping_s": None}


class UART:
    RTS, CTS = 1, 2
    reads = 0

    def __init__(self, number, baud, **settings):
        self.line = b""
        self.said = []

    def any(self):
        return len(self.line)

    def read(self, n):
        taken, self.line = self.line[:n], self.line[n:]
        return taken

    def readinto(self, buf):
        UART.reads += len(buf)
        taken = self.read(len(buf))
        buf[: len(taken)] = taken
        return len(taken)

    def write(self, text):
        self.said.append(text)
        answer = UART.modem(text)
        if answer:
            self.line += answer


class Pin:
    OUT = 1

    def __init__(self, number, mode, value=None):
        Pin.seen = [value]

    def __call__(self, value):
        Pin.seen.append(value)


class Ppp:  # from 1.26 on
    AUTH_PAP, AUTH_CHAP = 1, 2
    ip = "0.0.0.0"

    def __init__(self, uart):
        self.calls = []
        self.uart = uart

    def active(self, on):
        self.calls.append("on" if on else "off")

    def connect(self, **named):
        self.calls.append(("connect", self.uart.line, named))
        Ppp.ip = "10.75.0.15"

    def isconnected(self):
        return Ppp.ip != "0.0.0.0"

    def ifconfig(self):
        return Ppp.ip, "10.75.0.1", "255.255.255.255", "10.75.0.1"

    def disconnect(self):
        self.calls.append("disconnect")
        Ppp.ip = "0.0.0.0"


class OldPpp:
    def __init__(self, uart):
        self.calls = []

    def active(self, on):
        self.calls.append("on" if on else "off")

    def isconnected(self):
        return False


class Module:
    pass


now = [0]
for name, things in (("machine", {"UART": UART, "Pin": Pin}), ("network", {"PPP": Ppp})):
    module = sys.modules[name] = Module()
    for key in things:
        setattr(module, key, things[key])

import holdfast.path_ppp

path_ppp = sys.modules["holdfast.path_ppp"]

path_ppp.ticks_ms = lambda: now[0]


def path(answers=GOOD, kind=Ppp, **given):
    sys.modules["network"].PPP = kind
    path_ppp.network.PPP = kind
    Ppp.ip = "0.0.0.0"
    UART.modem = answers if callable(answers) else lambda text: answers.get(text.strip())
    made = path_ppp.Ppp(dict(GIVEN, **given), MARK)
    return made


# One attempt, as the supervisor makes it. (is it up, ms gone)
def attempt(p):
    limit = p.begin()
    began = now[0]
    while True:
        if p.up():
            p.learn(now[0] - began)
            return True, now[0] - began
        before = UART.reads
        if not p.associating(now[0] - began, limit):
            p.close()
            return False, now[0] - began
        assert UART.reads - before <= 1024, "a step is short, whatever comes"
        now[0] += 30


def gone(name):
    try:
        os.remove(name)
    except OSError:
        pass


def test_a_call():
    p = path()
    up, ms = attempt(p)
    assert up and ms < 1000 and p.address() == "10.75.0.15"
    said = [text.strip() for text in p._uart.said]
    assert said == ["AT", "ATE0", "ATH", "AT+CPIN?", "AT+CEREG?", 'AT+CGDCONT=1,"IP","internet"', "ATD*99#"]
    assert p._ppp.calls == ["off", "on", ("connect", LCP, {})], "what follows CONNECT is PPP's"
    p.close()
    assert p._ppp.calls[-1] == "disconnect" and not p.up()
    assert attempt(p)[0], "and again"


def test_authentication():
    p = path(auth="chap", user="me", password="secret")
    assert attempt(p)[0] and p._ppp.calls[-1][2] == {"authmode": 2, "username": "me", "password": "secret"}


def test_before_1_26_hanging_up_is_active_false():
    p = path(kind=OldPpp)
    p.begin()
    p.close()
    assert p._ppp.calls == ["off", "off"]


def test_a_dead_modem_costs_bounded_time_and_is_reset_where_a_pin_is_wired():
    p = path({}, reset=5)
    up, ms = attempt(p)
    assert not up and 15000 < ms < 25000 and p.fault == "the modem does not answer" and Pin.seen == [1, 0, 1]
    assert "+++" in p._uart.said, "it might have been in the middle of a call"


def test_a_modem_in_data_mode_is_called_back():
    state = ["data", 0]

    def modem(text):
        if state[0] == "data":
            if text == "+++" and now[0] - state[1] >= 1000:
                state[0] = "command"
                return b"\r\nOK\r\n"
            state[1] = now[0]
            return None
        return GOOD.get(text.strip())

    assert attempt(path(modem))[0]


def test_no_network_no_carrier():
    for wrong, limit in (({"AT+CEREG?": b"\r\n+CEREG: 0,2\r\nOK\r\n"}, 125000), ({"ATD*99#": b"\r\nNO CARRIER\r\n"}, 2000), ({"ATD*99#": b""}, 35000),
                         ({'AT+CGDCONT=1,"IP","internet"': b"\r\n+CME ERROR: 50\r\n"}, 2000), ({"AT+CPIN?": b"\r\n+CME ERROR: 10\r\n"}, 2000)):
        answers = dict(GOOD)
        answers.update(wrong)
        up, ms = attempt(path(answers))
        assert not up and ms < limit, (wrong, ms)


def test_roaming_and_gsm_only_modems_count_as_registered():
    answers = dict(GOOD)
    answers["AT+CEREG?"] = b"\r\nERROR\r\n"
    answers["AT+CREG?"] = b"\r\n+CREG: 2,1,\"00AA\",\"0BB0\"\r\n\r\nOK\r\n"
    assert attempt(path(answers))[0]


def locked(tries, right):
    state = [False]

    def modem(text):
        text = text.strip()
        if text == "AT+CPIN?":
            return b"\r\n+CPIN: READY\r\n\r\nOK\r\n" if state[0] else b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n"
        if text.startswith("AT+CPIN="):
            tries.append(text[9:-1])
            if text[9:-1] != right:
                return b"\r\n+CME ERROR: 16\r\n" if right else None
            state[0] = True
            return b"\r\nOK\r\n"
        return GOOD.get(text)

    return modem


def test_a_pin_is_entered_and_one_that_is_refused_never_again():  # the third time would lock the card
    gone(MARK)
    tries = []
    assert attempt(path(locked(tries, "1234"), pin="1234"))[0] and tries == ["1234"]
    tries = []
    for _ in range(4):  # each a new life
        p = path(locked(tries, "1234"), pin="9999")
        assert not attempt(p)[0]
    assert tries == ["9999"] and p.fault == "SIM card: this PIN was refused before"
    assert attempt(path(locked(tries, "1234"), pin="1234"))[0], "another one is tried"
    gone(MARK)
    tries = []
    for _ in range(4):
        attempt(path(locked(tries, None), pin="1234"))
    gone(MARK)
    assert len(tries) == 2, "one without an answer once more"
    gone(MARK)


def test_without_a_pin_a_locked_card_is_left_alone():
    tries = []
    p = path(locked(tries, "1234"))
    assert not attempt(p)[0] and not tries and "SIM" in p.fault


def test_anything_on_the_line():  # garbage, torn answers, answers to nothing: bounded, and no call that was not answered by CONNECT
    seed(7)
    pieces = [b"\r", b"\n", b"OK", b"\r\nOK\r\n", b"ERROR\r\n", b"+CPIN:", b"\r\n+CPIN: READY\r\n", b"+CEREG: ,\r\n", b"+CEREG: 0\r\n", b"+CREG: 0,1\r\n", b"NO CARRIER\r\n", b"\0\xff",
              b"x" * 200, b"CONN", b"\r\nRING\r\n", b"+CME ERROR", b"\xe2\x82\r\n", b"AT\r"]
    for _ in range(60):
        connects = []

        def modem(text):
            if getrandbits(3) and text.strip() in GOOD and not text.startswith("ATD"):
                return GOOD[text.strip()]
            return b"".join([pieces[getrandbits(8) % len(pieces)] for _ in range(getrandbits(3))])

        p = path(modem)
        up, ms = attempt(p)
        assert not up and ms <= 121000
        assert "on" not in p._ppp.calls, p._uart.said
