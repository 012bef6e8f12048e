# Wire: bytes between session and transport. A peer that never stops sending does not keep the other tasks from running.
import asyncio

import holdfast.wire as wire
from holdfast.bell import Bell
from holdfast.errors import Fault


class Line:  # always has something to read
    sock = object()
    reads = 0

    def read(self, buf, opening):
        Line.reads += 1
        if Line.reads > 20000:
            raise Fault("closed", "at last")
        return len(buf)

    def sent(self):
        return True

    def close(self):
        pass


class Session:
    class out:
        end = 0

    def receive(self, data, n, now):
        pass

    def pump(self, now):
        pass


class Box:
    def commit(self):
        pass


async def ready(queue, sock):
    pass


def test_flood_of_bytes_leaves_the_others_their_turn():
    turns = []

    async def sampler():
        while Line.reads < 20000:
            turns.append(Line.reads)
            await asyncio.sleep_ms(0)

    async def main():
        made = wire.Wire(Box(), Bell(), lambda: None)
        made.session = Session()
        made.adopt(Line())
        reader = asyncio.create_task(made._read())
        await asyncio.create_task(sampler())
        await reader
        assert made.fault.args[0] == "closed"

    wire._io = ready  # the socket can always be read
    asyncio.run(main())
    assert len(turns) > 300 and max([b - a for a, b in zip(turns, turns[1:])]) <= 64
