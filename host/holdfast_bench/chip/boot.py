"""Brings the chip up in this process: the fakes into sys.modules, then boot.py, main.py and the REPL, life after life.

install() comes before any import of the firmware; life() runs one life of the VM (from a start to a soft reset) and raises
ChipReset when the chip is reset. May use: everything in chip/.
"""

import builtins
import gc
import sys as _host

from . import soc

FAKES = ("time", "select", "socket", "errno", "machine", "network", "esp32", "os", "vfs", "sys", "ssl", "micropython", "_asyncio", "_thread", "esp",
          "flashbdev")
# Old names that MicroPython still resolves to the same modules.
_ALIASES = ("time", "select", "socket", "errno", "machine", "os", "sys", "ssl")

ENDED, RAISED, EXITED = range(3)

_HERE = __name__[:__name__.rfind(".") + 1]
_PACKAGE = __name__[:__name__.find(".") + 1]
REPL = _HERE + "repl"

_kept = []                # names in sys.modules that are not the firmware's


def install(chip, send, baud=115200, frozen=""):
    """Make `chip` (soc.Chip) the chip of this process. send(bytes) takes what its UART sends; frozen: the folder
    of packages that the ESP32 has frozen in and this interpreter has not (umqtt): found before /lib, after the root."""
    soc.chip = chip
    from .console import Console
    chip.console = Console(send, baud)
    for name in FAKES:
        __import__(_HERE + name)
        _host.modules[name] = _host.modules[_HERE + name]
        if name in _ALIASES:
            _host.modules["u" + name] = _host.modules[name]
    __import__(REPL)
    __import__(_HERE + "help")
    chip.console.hide = frozen + "/" if frozen else ""
    _host.modules["sys"].path.frozen = frozen
    _host.modules["sys"].path.restart()
    builtins.print = _print
    builtins.help = _help
    _kept.extend(sorted(_host.modules))


def _print(*args, sep=" ", end="\n", file=None):
    if file is None or file is _host.modules["sys"].stdout:
        soc.chip.console.text(sep.join([a if type(a) is str else str(a) for a in args]) + end)
    else:
        file.write(sep.join([a if type(a) is str else str(a) for a in args]) + end)


def _help(*what):
    from .help import help
    help(*what)


def run_file(name, scope):
    """Run a script of the chip's file system in `scope`. -> ENDED (also when there is none), RAISED or EXITED."""
    try:
        _host.modules["os"].stat(name)
    except OSError:
        return ENDED
    return run(lambda: execfile(name, scope))


def run(fn):
    """Run fn with Ctrl-C on; an exception is printed as the REPL does. -> ENDED, RAISED or EXITED."""
    console = soc.chip.console
    try:
        try:
            console.interrupt_char = 3
            fn()
        finally:
            console.interrupt_char = -1
    except SystemExit:
        return EXITED
    except (Exception, KeyboardInterrupt) as e:
        console.forget_interrupt(e)
        console.print_exception(e)
        return RAISED
    return ENDED


def life(repl):
    """One life of the VM: boot.py, main.py unless boot.py failed or the REPL is in raw mode, then repl(scope). Returns when
    a soft reset is due (already announced on the console)."""
    scope = {"__name__": "__main__"}
    how = run_file("boot.py", scope)
    if how == ENDED and not repl.raw:
        how = run_file("main.py", scope)
    if how != EXITED:
        repl.run(scope)
    soc.chip.console.text("MPY: soft reboot\n")


def clear(kind):
    """The heap of the VM is gone: forget the firmware's modules. kind: "soft" or a reset kind."""
    if kind == "soft":
        soc.chip.soft_reset()
    for name in sorted(_host.modules):
        if name not in _kept and not name.startswith(_PACKAGE):
            del _host.modules[name]
    _host.modules["sys"].path.restart()
    gc.collect()
