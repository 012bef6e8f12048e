"""How much heap a twin's process gets: what an ESP32 has at the prompt, and the share that the fakes take beside it.

The share is measured once for each interpreter and build of the fakes, by starting a chip, and kept under build/.
"""

import json

# gc.mem_free() at the prompt of a real 1.26.1 image (docs/twin.md); words of 64 bit need about twice as much for the same.
ESP32_FREE = 149856


def budget(bits):
    """Bytes that the firmware may use."""
    return ESP32_FREE * bits // 32


def measured(folder, interpreter, measure):
    """The fakes' share in bytes for this interpreter: measure() once, then from the file beside the compiled fakes."""
    path = folder / ("heap-%s-%d.json" % (interpreter.version, interpreter.bits))
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        share = measure()
        partial = path.with_suffix(".tmp")
        partial.write_text(json.dumps(share))
        partial.replace(path)
        return share
