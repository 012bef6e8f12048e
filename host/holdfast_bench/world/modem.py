"""A cellular modem at the end of a serial line: its AT commands (3GPP TS 27.007, V.250), the SIM, the operator's network, and the call in data mode.

What it says on the line goes to `say(bytes)`; hear(bytes) is what comes from the chip. The chip's half of PPP is ppp.py: `on_hang_up()` tells it
that the modem has ended the call in good order. Common subset of CPython and MicroPython. Time through the kernel.
"""

BOOT_MS = 4000          # from power until it answers
REGISTER_MS = 3000      # then until it is known to a network
ANSWER_MS = 20
CALL_MS = 400           # from ATD until CONNECT
REFUSE_MS = 2000        # until NO CARRIER instead, without a network
GUARD_MS = 1000         # silence before and after +++
LOST_MS = 15000         # without signal, until it gives the call up
LINE_MAX = 80
OK, ERROR, NO_CARRIER = b"\r\nOK\r\n", b"\r\nERROR\r\n", b"\r\nNO CARRIER\r\n"
LCP = b"\x7e\xff\x7d\x23\xc0\x21\x7d\x21\x7d\x21\x7d\x20\x7d\x24\xd1\xb5\x7e"     # its first frame of PPP comes right behind CONNECT


class Modem:
    """pin: what the SIM asks for, None for nothing; apn: what the network wants to hear. `there` and `signal` are the faults' business."""

    def __init__(self, kernel, pin=None, apn="internet"):
        self.kernel = kernel
        self.pin = pin
        self.apn = apn
        self.say = lambda data: None
        self.on_hang_up = lambda: None
        self.there = True           # it has power, and its line is connected
        self.signal = True
        self.pins_left = 3
        self.calls = 0              # that reached data mode
        self.lost_since_ms = None
        self._events = []
        self._boot()

    def _boot(self):
        self._era = [True]          # what was to happen before does not any more
        self._ready_at_ms = self.kernel.now_ms + BOOT_MS
        self.data = False           # what comes on the line is PPP
        self._dialling = False
        self._echo = True
        self._line = b""
        self._context = ""
        self._unlocked = self.pin is None
        self._known_at_ms = None if self.pin is not None else self._ready_at_ms + REGISTER_MS
        self._heard_at_ms = 0
        self._later(BOOT_MS, self._say, b"\r\nRDY\r\n\r\n+CFUN: 1\r\n\xff\x00\r\n+CPIN: " + (b"READY" if self._unlocked else b"SIM PIN") + b"\r\n")

    # --- what faults do ------------------------------------------------------------------------------------------------

    def remove(self):
        """It is gone in the middle of whatever it does, without a word: power, or a plug."""
        self.there = False
        self._era[0] = False
        self.data = False

    def put_back(self):
        if not self.there:
            self.there = True
            self._boot()

    def set_signal(self, on):
        self.signal = on
        self._era_of_signal = era = [not on]
        if not on and self.data:
            self._later(LOST_MS, self._lost, era)
        if on and self._unlocked:
            self._known_at_ms = max(self.kernel.now_ms, self._ready_at_ms) + REGISTER_MS

    def _lost(self, era):
        if era is self._era_of_signal and not self.signal:
            self.hang_up()

    # --- data mode ------------------------------------------------------------------------------------------------------

    def passes(self):
        """Whether frames get through to the operator's network now."""
        return self.there and self.data and self.signal

    def hang_up(self):
        """The call ends from this side: it terminates PPP, and is in command mode again."""
        if self.data:
            self.data = False
            self.on_hang_up()
            self._say(NO_CARRIER)

    def terminated(self):
        """The chip has ended PPP: so does the call."""
        if self.data:
            self.data = False
            self._later(ANSWER_MS, self._say, NO_CARRIER)

    # --- the line -------------------------------------------------------------------------------------------------------

    def _later(self, ms, fn, arg):
        self.kernel.after(ms, self._due, (self._era, fn, arg))

    def _due(self, what):
        era, fn, arg = what
        if era[0]:
            fn(arg)

    def _say(self, data):
        if self.there:
            self.say(data)

    def hear(self, data):
        """Bytes from the chip."""
        now_ms = self.kernel.now_ms
        if not self.there or now_ms < self._ready_at_ms:
            return
        silent_ms, self._heard_at_ms = now_ms - self._heard_at_ms, now_ms
        if self.data:
            if data == b"+++" and silent_ms >= GUARD_MS:
                self._later(GUARD_MS, self._escape, now_ms)
            return
        if self._dialling:
            self._dialling = False      # any byte calls it off (V.250)
            self._say(NO_CARRIER)
            return
        if self._echo:
            self._say(bytes(data))
        self._line = (self._line + bytes(data))[-LINE_MAX:]
        while b"\r" in self._line:
            at = self._line.find(b"\r")
            command, self._line = self._line[:at], self._line[at + 1:]
            at = command.upper().find(b"AT")
            if at >= 0:
                self._later(ANSWER_MS, self._do, command[at + 2:])

    def _escape(self, since_ms):
        if self.data and self._heard_at_ms == since_ms:
            self.data = False           # the call is kept in a real one, and PPP may go on: nobody here wants that
            self._say(OK)

    def _known(self):
        return self.signal and self._known_at_ms is not None and self.kernel.now_ms >= self._known_at_ms

    def _do(self, command):
        try:
            name = command.upper().decode()
        except (UnicodeError, ValueError):
            self._say(ERROR)
            return
        if name in ("E0", "E1"):
            self._echo = name == "E1"
        elif name == "+CPIN?":
            self._say(b"\r\n+CPIN: " + (b"READY" if self._unlocked else b"SIM PIN" if self.pins_left else b"SIM PUK") + b"\r\n")
        elif name == "+CPINR":
            self._say(b"\r\n+CPINR: SIM PIN,%d,3\r\n" % self.pins_left)
        elif name.startswith("+CPIN="):
            if not self._enter(name[6:].replace('"', "")):
                self._say(b"\r\n+CME ERROR: 16\r\n")
                return
        elif name in ("+CREG?", "+CGREG?", "+CEREG?"):
            self._say(("\r\n%s: 0,%d\r\n" % (name[:-1], 1 if self._known() else 2)).encode())
        elif name.startswith("+CGDCONT="):
            parts = command.decode().split('"')
            self._context = parts[3] if len(parts) > 3 else ""
        elif name.startswith("D*99") and name.endswith("#"):
            self._dialling = True
            good = self._known() and self._context == self.apn
            self._later(CALL_MS if good else REFUSE_MS, self._call, good)
            return
        elif name not in ("", "H", "Z"):
            self._say(ERROR)
            return
        self._say(OK)

    def _enter(self, pin):
        if self._unlocked or not self.pins_left:
            return self._unlocked
        if pin != self.pin:
            self.pins_left -= 1
            return False
        self.pins_left = 3
        self._unlocked = True
        self._known_at_ms = self.kernel.now_ms + REGISTER_MS
        return True

    def _call(self, good):
        if self._dialling:
            self._dialling = False
            if good:
                self.data = True
                self.calls += 1
                self._say(b"\r\nCONNECT 150000000\r\n" + LCP)
            else:
                self._say(NO_CARRIER)
