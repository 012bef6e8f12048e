"""What the firmware takes: .mpy bytes, and heap on the interpreter with the ESP32's words. Real sockets, a broker on loopback.

`heap_kb` and the core's bytes are about link, session, outbox and retry with what they import; the whole node stands beside them.
Heap counts from the import of the first of these modules. asyncio and umqtt.simple are loaded before: every official image for the ESP32 has
them frozen in, where they take no heap.
"""

import contextlib
import functools
import json
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from .. import checkout, fold
from ..choices import choices
from ..drivers.broker_mosquitto import Mosquitto
from ..errors import BenchError
from ..mpy import compiled
from .figures import Figure

PLAIN = Path(__file__).resolve().parent / "plain"
# link: path, transport; session: session, packets, envelope, rtt; outbox: outbox, ring, block, topics, clock; retry: retry, backoff, breaker; errors.
CORE = ("path", "transport", "session", "packets", "envelope", "rtt", "outbox", "ring", "block", "topics", "clock", "retry", "backoff", "breaker", "errors")
HEAPS = ("heap_kb", "heap_peak_kb", "heap_node_kb", "heap_node_peak_kb", "heap_frozen_kb", "heap_frozen_peak_kb")
LIMIT_S = 30
SILENT_S = 15
SMALLEST_KB, LARGEST_KB = 16, 256


def package(kind="firmware"):
    """A folder with the package, compiled as it is deployed, or as it is written: for programs that use it from within."""
    return compiled({"lib/holdfast": checkout.FIRMWARE / "holdfast"}, kind) / "lib"


def measure(said=lambda text: None):
    said("sizes")
    figures = sizes()
    if not choices().micropython32:
        how = "no 32-bit interpreter here"
        return figures + [Figure(name, None, how) for name in HEAPS]
    said("heap")
    with Broker() as port:
        for prefix, program in (("heap", "core.py"), ("heap_node", "node.py")):
            used, before = _in_use(program, port)
            peak_kb = _smallest_heap_kb(program, port) - before // 1024
            figures.append(Figure(prefix + "_kb", round(used / 1024, 1), "%s on the 32-bit interpreter, one message acknowledged" % program))
            figures.append(Figure(prefix + "_peak_kb", peak_kb, "smallest heap with which %s connects and gets a PUBACK, without what the interpreter and the stand-ins take" % program))
        frozen = [path.stem for path in (package() / "holdfast").glob("*.mpy") if path.stem != "__init__"]
        used, before = _in_use("node.py", port, frozen=frozen)
        peak_kb = _smallest_heap_kb("node.py", port, frozen=frozen) - before // 1024
        figures.append(Figure("heap_frozen_kb", round(used / 1024, 1), "node.py with every module loaded before: what is left is data"))
        figures.append(Figure("heap_frozen_peak_kb", peak_kb, "smallest heap with which that connects and gets a PUBACK, without the code"))
    return figures


def sizes():
    files = {path.stem: path.stat().st_size for path in (package() / "holdfast").glob("*.mpy")}
    core = sorted({fold.HOME.get(name, name) for name in CORE})
    told = ", ".join("%s %d (%s)" % (name, files[name], ", ".join(part for part in CORE if fold.HOME.get(part, part) == name)) for name in core)
    return [Figure("core_mpy_bytes", sum(files[name] for name in core), "mpy-cross as deployed: " + told),
            Figure("all_mpy_bytes", sum(files.values()), "%d modules, those loaded only on demand included" % len(files))]


class Broker:
    """mosquitto on loopback; the context value is its port."""

    def __enter__(self):
        self._broker = Mosquitto().start()
        return self._broker.port

    def __exit__(self, *why):
        self._broker.close()


def _command(program, port, heap_kb, **more):
    spec = {"config": {"wifi": [{"ssid": "perf"}], "brokers": [{"host": "127.0.0.1", "port": port}], "console": False, "watchdog_s": 0},
            "queued": 1, "heap": True, **more}
    script, firmware = (PLAIN / "inside.py", _with_core()) if program == "core.py" else (PLAIN / program, package())
    # Where a module comes from is kept on the heap: a path as short as on the chip, /lib/holdfast/….
    path = ":".join((str(PLAIN), "lib", str(choices().umqtt)))
    return [*choices().micropython32.command, "-X", "heapsize=%dk" % heap_kb, str(script), path], firmware.parent, json.dumps(spec)


@functools.cache
def _with_core():
    """The package with core.py in it: that uses it from within, so it has to be built together with it, whatever names that gives."""
    text = (PLAIN / "core.py").read_text().replace("from holdfast.", "from .")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(checkout.FIRMWARE / "holdfast", folder, dirs_exist_ok=True)
        Path(folder, "core.py").write_text(text)
        return compiled({"lib/holdfast": Path(folder)}, "firmware") / "lib"


def _in_use(program, port, **more):
    """Heap in use, after a collection, of the connected program without its measuring part, and of that alone."""
    lines = _run(_command(program, port, 1024, **more), "heap")
    if not lines or not lines[-1].startswith("heap "):
        raise BenchError("%s does not get through: %s" % (program, lines[-1] if lines else "no output"))
    return tuple(int(n) for n in lines[-1].split()[2:4])


def _smallest_heap_kb(program, port, **more):
    low, high = SMALLEST_KB, LARGEST_KB
    while high - low > 1:
        middle = (low + high) // 2
        lines = _run(_command(program, port, middle, **more), "ack")
        if lines and lines[-1].startswith("ack "):
            high = middle
        else:
            low = middle
    return high


def _run(command_and_spec, until):
    """The lines of a program up to the first that begins with `until`, or its end. One that has too little heap to say anything is ended after a while."""
    command, folder, spec = command_and_spec
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    limit = threading.Timer(SILENT_S, process.kill)
    limit.start()
    try:
        process.stdin.write(spec + "\n")
        process.stdin.flush()
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith(until + " ") or line.startswith("MemoryError") or line.startswith("err "):
                break
    finally:
        limit.cancel()
        process.kill()
        process.wait(LIMIT_S)
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.stdout.close()
    return lines
