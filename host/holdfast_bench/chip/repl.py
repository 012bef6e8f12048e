"""The REPL on the console: friendly, paste, raw and raw-paste mode, byte for byte as tools expect them.

May use: boot (to run code), the console. The protocol is MicroPython's (docs/reference/repl of its manual).
"""

import gc

from . import boot
from .soc import chip

CTRL_A, CTRL_B, CTRL_C, CTRL_D, CTRL_E = 1, 2, 3, 4, 5
RAW_PASTE_WINDOW = 128
_COMPOUND = ("@", "if ", "while ", "for ", "try:", "try ", "with ", "def ", "class ", "async ")
_HISTORY = 8


class Repl:
    """`raw` outlives a soft reset, as on the chip: main.py is skipped in raw mode."""

    def __init__(self):
        self.raw = False
        self._history = []

    def run(self, scope):
        """Serve the console until a soft reset is asked for."""
        self._scope = scope
        while True:
            if (self._raw_mode() if self.raw else self._friendly_mode()) == boot.EXITED:
                return

    def _exec(self, source, kind, eofs):
        """Compile and run. With eofs, EOT after the output and after the exception's text, as raw mode has it."""
        console = chip.console
        gc.collect()  # reading the line has left garbage here, and on the chip none: what stays would settle behind it, in the midst of the heap
        fn = lambda: exec(compile(source, "<stdin>", kind), self._scope)  # noqa: E731
        if not eofs:
            return boot.run(fn)
        error = None
        how = boot.ENDED
        try:
            try:
                console.interrupt_char = 3
                fn()
            finally:
                console.interrupt_char = -1
        except SystemExit:
            how = boot.EXITED
        except (Exception, KeyboardInterrupt) as e:
            console.forget_interrupt(e)
            error = e
        console.tx(b"\x04")
        if error is not None:
            console.print_exception(error)
        console.tx(b"\x04")
        return how

    # --- raw ---------------------------------------------------------------------------------------------------------

    def _raw_mode(self):
        console = chip.console
        console.tx(b"raw REPL; CTRL-B to exit\r\n")
        while True:
            console.tx(b">")
            line = bytearray()
            while True:
                c = console.get()
                if c == CTRL_A:
                    if len(line) == 2 and line[0] == CTRL_E:
                        if self._raw_paste(line[1]) == boot.EXITED:
                            return boot.EXITED
                        line = bytearray()
                        console.tx(b">")
                        continue
                    line = bytearray()
                    console.tx(b"raw REPL; CTRL-B to exit\r\n>")
                elif c == CTRL_B:
                    console.tx(b"\r\n")
                    self.raw = False
                    return boot.ENDED
                elif c == CTRL_C:
                    line = bytearray()
                elif c == CTRL_D:
                    break
                else:
                    line.append(c)
            console.tx(b"OK")
            if not line:
                console.tx(b"\r\n")
                return boot.EXITED
            source, line = bytes(line), None
            if self._exec(source, "exec", True) == boot.EXITED:
                return boot.EXITED

    def _raw_paste(self, command):
        console = chip.console
        if command != 0x41:
            console.tx(b"R\x00")
            return boot.ENDED
        console.tx(b"R\x01")
        console.tx(bytes((RAW_PASTE_WINDOW, 0, 1)))
        source = bytearray()
        left = RAW_PASTE_WINDOW
        while True:
            c = console.get()
            if c in (CTRL_C, CTRL_D):
                break
            source.append(c)
            left -= 1
            if left == 0:
                console.tx(b"\x01")
                left = RAW_PASTE_WINDOW
        console.tx(b"\x04")
        if c == CTRL_C:
            console.tx(b"\x04")
            console.print_exception(KeyboardInterrupt())
            console.tx(b"\x04")
            return boot.ENDED
        source = bytes(source)
        return self._exec(source, "exec", True)

    # --- friendly ----------------------------------------------------------------------------------------------------

    def _banner(self):
        import os
        name = os.uname()
        chip.console.text("MicroPython %s; %s\nType \"help()\" for more information.\n" % (name.version, name.machine))

    def _friendly_mode(self):
        self._banner()
        while True:
            line = self._readline(">>> ", b"")
            if line == CTRL_A:
                chip.console.tx(b"\r\n")
                self.raw = True
                return boot.ENDED
            if line == CTRL_B:
                chip.console.tx(b"\r\n")
                self._banner()
                continue
            if line == CTRL_C:
                chip.console.tx(b"\r\n")
                continue
            if line == CTRL_D:
                chip.console.tx(b"\r\n")
                return boot.EXITED
            kind = "single"
            if line == CTRL_E:
                line = self._paste()
                if line is None:
                    continue
                kind = "exec"
            else:
                line = self._continued(line)
            if line and self._exec(line, kind, False) == boot.EXITED:
                return boot.EXITED

    def _continued(self, line):
        """Ask for further lines as long as the statement needs them; None when Ctrl-C gave it up."""
        while line and needs_more(line):
            more = self._readline("... ", line)
            if more == CTRL_C:
                chip.console.tx(b"\r\n")
                return None
            if more == CTRL_D:
                break
            line = line + b"\n" + (b"" if isinstance(more, int) else more)
        return line

    def _paste(self):
        console = chip.console
        console.tx(b"\r\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== ")
        text = bytearray()
        while True:
            c = console.get()
            if c == CTRL_C:
                console.tx(b"\r\n")
                return None
            if c == CTRL_D:
                console.tx(b"\r\n")
                return bytes(text)
            text.append(10 if c == 13 else c)
            console.tx(b"\r\n=== " if c == 13 else bytes((c,)))

    def _readline(self, prompt, before):
        """One edited line (bytes), or the control character that ended it. before: the lines of the statement so far."""
        console = chip.console
        console.tx(prompt.encode())
        line = bytearray(indent_after(before))
        console.tx(bytes(line))
        back = 0              # steps back in the history
        while True:
            c = console.get()
            if c in (CTRL_A, CTRL_B, CTRL_E) and not line:
                return c
            if c == CTRL_C:
                return c
            if c == CTRL_D and not line:
                return c
            if c in (13, 10):
                console.tx(b"\r\n")
                if line.strip() and (not self._history or self._history[-1] != bytes(line)):
                    self._history = (self._history + [bytes(line)])[-_HISTORY:]
                return bytes(line)
            if c in (8, 127):
                if line:
                    n = 1
                    if len(line) >= 4 and not line.strip() and len(line) % 4 == 0:
                        n = 4
                    line = line[:-n]
                    console.tx(b"\b" * n + b"\x1b[K")
            elif c == 9:
                line.extend(b"    ")
                console.tx(b"    ")
            elif c == 27:
                if console.get() == 0x5B:
                    key = console.get()
                    step = {0x41: 1, 0x42: -1}.get(key, 0)
                    if step and 0 <= back + step <= len(self._history):
                        back += step
                        console.tx(b"\b" * len(line) + b"\x1b[K")
                        line = bytearray(self._history[-back] if back else b"")
                        console.tx(bytes(line))
            elif c >= 32:
                line.append(c)
                console.tx(bytes((c,)))


def indent_after(before):
    """The spaces that the next line of a statement starts with."""
    if not before:
        return b""
    last = before.split(b"\n")[-1]
    n = len(last) - len(last.lstrip(b" "))
    if last.endswith(b":"):
        n += 4
    if not last.strip():
        return b""
    return b" " * n


def needs_more(source):
    """Whether a statement typed so far goes on: open brackets or quotes, a backslash, a compound statement without the
    empty line that ends it."""
    text = source.decode()
    compound = False
    for word in _COMPOUND:
        if text.startswith(word):
            compound = True
    depth, quote, i = 0, "", 0
    while i < len(text):
        ch = text[i]
        if quote:
            if ch == "\\":
                i += 1
            elif text[i:i + len(quote)] == quote:
                i += len(quote) - 1
                quote = ""
        elif ch in "'\"":
            quote = ch * 3 if text[i:i + 3] == ch * 3 else ch
            i += len(quote) - 1
        elif ch in "([{":
            depth += 1
        elif ch in ")]}":
            depth -= 1
        elif ch == "#":
            while i < len(text) and text[i] != "\n":
                i += 1
            continue
        i += 1
    if len(quote) == 3 or depth > 0:
        return True
    if text.endswith("\\"):
        return True
    return compound and not text.endswith("\n")
