"""Runs one probe on a twin, through its serial port, in real time: what the recording's host did to the real image."""

import contextlib
import re
import time

import probe_world
import serial
import steps

from holdfast_bench.twin import TwinHost

DELAY_MS = 10           # one way to the probes' host, see lab_sim.py
PROMPT = b">>> "
RAW = b"raw REPL; CTRL-B to exit\r\n>"
BOOT_LIMIT_S = 60
AFTER_CTRL_C_S = 10


class _Network:
    """What a twin's network has to be (twin/network.py), made of the probes' surroundings."""

    name_servers = (probe_world.DNS,)
    names = announced = {}

    def __init__(self, world):
        self.host = world.find_host

    def hosts(self):
        return []


class Lab:
    def __init__(self, host, base):
        self.host = host
        self.world = host.call(probe_world.Surroundings, host.kernel, base)
        host.network = _Network(self.world)
        self.board = host.add_board(ether=self.world.ether, mac=probe_world.MAC)
        self.board.silicon.air.delay_ms = DELAY_MS
        self.world.join(self.board.silicon.air, self.board.silicon.dns)
        self.serial = serial.Serial(self.board.port, 115200, timeout=0.02)
        self.text = b""

    def close(self):
        self.serial.close()
        self.host.remove_board(self.board)

    def probe(self, todo):
        self.board.power_on()
        self._boot()
        for step in todo:
            if step.kind == "softreset":
                self._send(b"\x02", PROMPT)
                self.serial.write(b"\x04")
                self._boot()
            elif step.kind == "machinereset":
                self._send(b"\r\x03\x01", RAW)
                self.serial.write(b"import machine; machine.reset()\x04")
                self._until([b"OK"], BOOT_LIMIT_S)
                self._boot()
            elif step.kind == "powercycle":
                self.board.power_off()
                self.board.power_on()
                self._boot()
            elif step.kind == "sysreset":
                self.board.en_reset()
                self._boot()
            self._run(step)
        return self.text.decode(errors="replace")

    def _run(self, step):
        self._send(b"\r\x03\x01", RAW)
        self._paste(step.code.encode())
        ended = [b"\x04>", b"\n" + PROMPT]
        got = self._until(ended, step.limit_s, self._wish)
        if not got.endswith(tuple(ended)):
            self.serial.write(b"\x03")
            self._until(ended, AFTER_CTRL_C_S)
        self.text += got.replace(b"\x04>", b"").replace(b"\x04", b"")
        self.serial.write(b"\r\x02")
        self._until([PROMPT], 5)
        while self.serial.read(100):
            pass

    def _paste(self, code):
        """Raw-paste mode: the chip says when it has room."""
        self._send(b"\x05A\x01", b"R\x01")
        window = left = int.from_bytes(self.serial.read(2), "little")
        while code:
            if not left:
                assert self._until([b"\x01"], 20), "no flow control"
                left = window
            self.serial.write(code[:left])
            code, left = code[left:], left - len(code[:left])
        self.serial.write(b"\x04")
        # What it still says about room comes before the acknowledgement.
        got = self._until([b"\x04"], 20)
        assert got.strip(b"\x01") == b"\x04", got

    def _boot(self):
        got = self._until([b"\n" + PROMPT], BOOT_LIMIT_S)
        assert got.endswith(PROMPT), "no prompt after %r" % got[-400:]
        self.text += got

    def _send(self, data, answer):
        self.serial.write(data)
        got = self._until([answer], 10)
        assert got.endswith(answer), "no %r in %r" % (answer, got[-400:])

    def _until(self, endings, limit_s, on_line=lambda text: None):
        """What comes until one of the endings, or until the time is over."""
        got, end, line_at = b"", time.monotonic() + limit_s, 0
        while not got.endswith(tuple(endings)) and time.monotonic() < end:
            one = self.serial.read(1)      # what comes behind the ending belongs to the next wait
            got += one
            if one == b"\n":
                on_line(got[line_at:].decode(errors="replace").strip())
                line_at = len(got)
        return got

    def _wish(self, line):
        if line.startswith("@"):
            self.host.call(self.world.do, line[1:])


def run(probe_text, base):
    with TwinHost() as host, contextlib.closing(Lab(host, base)) as lab:
        return re.sub(r"(?m)^(>>> )?(@.*\n|(?=.))", "", lab.probe(steps.read(probe_text, base)).replace("\r", ""))
