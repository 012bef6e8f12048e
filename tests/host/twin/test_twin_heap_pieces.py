"""The heap of a board after an outage: its free memory is still in large pieces, on the interpreter with the chip's words."""

import pytest

from holdfast_bench.choices import choices
from holdfast_bench.session import Session

APP = """
import asyncio
import gc

import holdfast


def largest():
    gc.collect()
    n = gc.mem_free()
    while n:
        try:
            return len(bytearray(n))
        except MemoryError:
            n = n * 7 // 8


async def main():
    beat = node.watch("main", 10000)
    n = 0
    while True:
        beat()
        n += 1
        node.publish("sensor/temp", "%d" % n)
        if n % 50 == 0:
            node.emit("room", {"largest": largest()})
        await asyncio.sleep_ms(100)


node = holdfast.Node("config.json")
node.run(main())
"""


@pytest.mark.skipif(not choices().micropython32, reason="no 32-bit MicroPython on this machine")
def test_free_memory_stays_in_large_pieces_over_an_outage(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    with Session("twin", app=str(tmp_path / "app.py")) as session:
        with session.fault("ap_gone"):
            session.expect("the outage is noticed", within_s=60, ev="state", new="backoff")
            session.expect(within_s=60, ev="room")
        session.expect("the node is back", within_s=120, ev="state", new="online")
        room = session.expect(within_s=60, ev="room")
        session.abandon("seen")
    assert room["largest"] >= 16384, "a packet, a TLS record or an import needs its memory in one piece"
