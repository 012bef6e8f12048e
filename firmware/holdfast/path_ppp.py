# path_ppp.py - cellular as a path (R25): a modem on a UART is told to call, then PPP. Loaded only where `paths` names it; the contract is in path.py.
# May import: network, machine, os, binascii, micropython, time.   Time: ticks; its caller waits, and the dialogue with the modem goes on whenever it asks.
# Blocks: hanging up with MicroPython 1.22 to 1.25, for up to 8 s when the modem is gone; some 50 ms where a PIN is entered; all else under 2 ms.
#
# What comes on the line is read byte by byte up to the end of a line: what follows CONNECT is PPP's. IDF asks for no echo, so that the modem
# or the network is gone shows in nothing but silence: it is then the path that is to blame, as with an access point.
from binascii import crc32
from machine import UART, Pin
from micropython import const
from time import ticks_diff, ticks_ms
import network
import os

_NOTHING = (None, "0.0.0.0")
_ANSWER_MS = const(1500)  # for most commands
_SLOW_MS = const(10000)  # for those that SIM card or network have a part in
_CALL_MS = const(30000)
_PPP_MS = const(30000)
_GUARD_MS = const(1100)  # silence around +++
_PULSE_MS = const(300)
_BOOT_MS = const(15000)
_REGISTER_MS = const(1000)  # between two questions whether it is registered
_LINE_MAX = const(64)
_READ_MAX = const(256)  # bytes in one step
_FINAL = (b"OK", b"ERROR", b"NO CARRIER", b"BUSY", b"NO DIALTONE", b"NO ANSWER")
_REGISTERED = (b"1", b"5")  # at home, roaming


class Ppp:
    settling = False
    wide = True
    standing = False  # each attempt costs something

    # given: checked settings uart, baud, pins, apn, pin, dial, auth, user, password, reset, limit_s. mark: name of the file in which a PIN that
    # was refused is kept, so that the node never tries it three times.
    def __init__(self, given, mark):
        self._cfg = given
        self._mark = mark
        self.ping_s = given["ping_s"]
        self._uart = self._ppp = self._reset = None
        self._talk = None  # the dialogue, a generator: each step of it takes what has come
        self._closed = True
        self._line = b""
        self._one = bytearray(1)
        self.fault = None  # what went wrong in the last attempt

    def _open(self):
        if self._ppp:
            return
        cfg = self._cfg
        pins = {name: cfg[name] for name in ("tx", "rx", "rts", "cts") if cfg[name] is not None}
        flow = (UART.RTS if "rts" in pins else 0) | (UART.CTS if "cts" in pins else 0)
        self._uart = UART(cfg["uart"], cfg["baud"], rxbuf=2048, txbuf=2048, timeout=0, flow=flow, **pins)
        self._ppp = network.PPP(self._uart)
        if cfg["reset"] is not None:
            self._reset = Pin(cfg["reset"], Pin.OUT, value=1)

    # PPP may believe in a modem that is gone: nobody tells it.
    def up(self):
        return not self._closed and self._ppp.isconnected() and self._ppp.ifconfig()[0] not in _NOTHING

    def address(self):
        return self._ppp.ifconfig()[0]

    def dns(self):
        return self._ppp.ifconfig()[3]

    def rssi(self):
        return None

    def begin(self):
        self.fault = None
        try:
            self._open()
            self._ppp.active(False)  # what is left of the last call; the modem is told by the dialogue
        except (OSError, ValueError, AttributeError) as e:  # the last: a port that was built without PPP
            self.fault = repr(e)
            return 0
        self._closed = False
        self._talk = self._dialogue()
        return self._cfg["limit_s"] * 1000

    def associating(self, gone_ms, limit):
        if self._talk:
            try:
                next(self._talk)
            except StopIteration:
                self._talk = None
            except OSError as e:
                self._failed(repr(e))
        return not self._closed and gone_ms < limit

    def learn(self, took_ms):
        pass

    def stale(self):
        return False

    def forget(self):
        pass

    # Hangs up: what is not used costs nothing.
    def close(self):
        self._talk = None
        if self._closed:
            return
        self._closed = True
        try:
            if hasattr(self._ppp, "disconnect"):
                self._ppp.disconnect()
            else:
                self._ppp.active(False)  # 1.22 to 1.25: waits for the modem's answer
        except OSError as e:
            self.fault = repr(e)

    def cycle(self):
        self.close()

    def _failed(self, why):
        self.fault = why
        self._talk = None
        self._closed = True

    # ---- the dialogue: every `yield` means "nothing yet"

    def _dialogue(self):
        cfg = self._cfg
        if not (yield from self._attention(_ANSWER_MS)):
            yield from self._pause(_GUARD_MS)  # it may be in the middle of a call
            self._uart.write("+++")
            yield from self._pause(_GUARD_MS)
            if not (yield from self._attention(_ANSWER_MS)):
                if self._reset:
                    self._reset(0)
                    yield from self._pause(_PULSE_MS)
                    self._reset(1)
                if not (yield from self._attention(_BOOT_MS)):
                    return self._failed("the modem does not answer")
        yield from self._ask("ATE0", _ANSWER_MS)
        yield from self._ask("ATH", _SLOW_MS)
        if not (yield from self._unlock()):
            return
        while not (yield from self._registered()):  # the attempt as a whole is limited
            yield from self._pause(_REGISTER_MS)
        final, _ = yield from self._ask('AT+CGDCONT=1,"IP","%s"' % cfg["apn"], _SLOW_MS)
        if final != b"OK":
            return self._failed("access point name: %r" % final)
        final, _ = yield from self._ask("ATD" + cfg["dial"], _CALL_MS)
        if not (final or b"").startswith(b"CONNECT"):
            return self._failed("call: %r" % final)
        ppp = self._ppp
        ppp.active(True)  # until 1.25 it has to be; later it need not
        if cfg["auth"] == "none":
            ppp.connect()
        else:
            ppp.connect(authmode=ppp.AUTH_PAP if cfg["auth"] == "pap" else ppp.AUTH_CHAP, username=cfg["user"], password=cfg["password"])
        yield from self._pause(_PPP_MS)
        if not self.up():
            self._failed("no answer to PPP")

    def _pause(self, ms):
        began = ticks_ms()
        while ticks_diff(ticks_ms(), began) < ms:
            yield

    # Does it answer within limit_ms? Asked again and again: what it was sent while it started is lost.
    def _attention(self, limit_ms):
        began = ticks_ms()
        while ticks_diff(ticks_ms(), began) < limit_ms:
            final, _ = yield from self._ask("AT", 500)
            if final == b"OK":
                return True
        return False

    # PIN, if the SIM card wants one. What was refused is never entered again, what was not answered once more: the third time would lock the card.
    def _unlock(self):
        final, told = yield from self._ask("AT+CPIN?", _SLOW_MS)
        if told == b"+CPIN: READY":
            return True
        pin = self._cfg["pin"]
        if told != b"+CPIN: SIM PIN" or not pin:
            self._failed("SIM card: %r" % (told or final))
            return False
        known = "%08x" % crc32(pin.encode())
        kept = _content(self._mark)
        if kept == known + "!":
            self._failed("SIM card: this PIN was refused before")
            return False
        _keep(self._mark, known + "!" * (kept == known))  # before it is tried: the power may fail in between, once
        final, _ = yield from self._ask('AT+CPIN="%s"' % pin, _SLOW_MS)
        if final == b"OK":
            os.remove(self._mark)
            return True
        if final:
            _keep(self._mark, known + "!")
        self._failed("SIM card: PIN refused" if final else "SIM card: no answer to the PIN")
        return False

    # LTE, GPRS, GSM: modems differ in what they are asked.
    def _registered(self):
        for name in ("+CEREG", "+CGREG", "+CREG"):
            _, told = yield from self._ask("AT%s?" % name, _ANSWER_MS)
            if told and told.startswith(name.encode()) and told.split(b",")[1:2] and told.split(b",")[1].strip() in _REGISTERED:
                return True
        return False

    # Sends a command. (final answer, what it told before), both without line ends; None for what did not come within limit_ms.
    def _ask(self, command, limit_ms):
        self._skip()
        self._uart.write(command + "\r")
        began = ticks_ms()
        told = None
        while ticks_diff(ticks_ms(), began) < limit_ms:
            line = self._next()
            if line is None:
                yield
            elif line in _FINAL or line.startswith((b"CONNECT", b"+CME ERROR", b"+CMS ERROR")):
                return line, told
            elif line.startswith(b"+"):
                told = line
        return None, told

    # What came of its own accord is of no interest.
    def _skip(self):
        n = self._uart.any()
        if n:
            self._uart.read(min(n, _READ_MAX))
        self._line = b""

    # The next line that is not empty; None while it is not complete. Never reads beyond its end.
    def _next(self):
        uart = self._uart
        one = self._one
        for _ in range(_READ_MAX):
            if not uart.any() or not uart.readinto(one):
                return None
            if one[0] in b"\r\n":
                line = self._line
                self._line = b""
                if line and one[0] == 10:
                    return line
                self._line = line if one[0] == 13 else b""
            elif len(self._line) < _LINE_MAX:
                self._line += one
        return None


def _keep(path, text):
    with open(path, "w") as f:
        f.write(text)


def _content(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return None
