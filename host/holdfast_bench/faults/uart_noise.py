"""Noise on the serial line to the board. Ctrl-C is left out: it does what it does everywhere."""

from pydantic import Field

from . import Fault, fault


@fault("uart_noise")
class UartNoise(Fault):
    needs = ("console",)
    momentary = True
    how = {"sim": "bytes into the modelled UART", "twin": "bytes into its serial port", "hil": "bytes into its serial port"}

    class Args(Fault.Args):
        n: int = Field(100, ge=1, le=10_000)  # bytes

    def begin(self):
        for name in self.boards:
            self.rig.boards[name].write(bytes(b for b in self.rng.randbytes(self.args.n) if b != 3))

    def evidence(self):
        return "%d bytes of noise were sent" % self.args.n
