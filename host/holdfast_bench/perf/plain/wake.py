# wake.py - a battery node's wake without radio, from the import of holdfast to deep sleep. Prints "wake 0 <µs>" and "round 0 <µs>".
import sys

sys.path[:0] = sys.argv[2].split(":")
import gc  # noqa: E402
import time  # noqa: E402

import machine  # noqa: E402


class Asleep(Exception):
    pass


def deepsleep(ms):
    raise Asleep


machine.deepsleep = deepsleep
CONFIG = {"id": "w", "wifi": [{"ssid": "perf"}], "brokers": [{"host": "192.0.2.1"}], "console": False, "spool_kb": 0}


def wake():
    import holdfast

    node = holdfast.Node(CONFIG)
    node.outbox.block.fresh = False
    node.outbox.block.poke(108, ">H", 5)  # some wakes are left until the radio is used: docs/rtc-format.md
    try:
        node.duty(lambda: node.publish("sensor/temp", "21.5"), 600)
    except Asleep:
        return


took = []
for _ in range(5):
    for name in [n for n in sys.modules if n.startswith("holdfast")]:
        del sys.modules[name]
    gc.collect()
    before = time.ticks_us()
    wake()
    took.append(time.ticks_diff(time.ticks_us(), before))
assert "holdfast.supervisor" not in sys.modules and "asyncio" not in sys.modules
print("wake 0", min(took))
