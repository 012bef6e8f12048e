"""A board's serial port over TCP (RFC 2217): what pyserial opens as rfc2217://HOST:PORT, with DTR and RTS that drive EN and IO0.

One client at a time, as on a cable. Runs in the loop's thread. May use: pyserial's protocol half.
"""

import asyncio
import logging

from serial import rfc2217

from ..errors import BenchError
from .rom.lines import Lines

logging.getLogger("pySerial.rfc2217").setLevel(logging.CRITICAL)


class _Port:
    """What pyserial's PortManager sees as the serial port it manages."""

    baudrate, bytesize, parity, stopbits = 115200, 8, "N", 1
    rtscts = xonxoff = dsrdtr = break_condition = False
    cts = dsr = cd = True
    ri = False
    timeout = 0

    def __init__(self, lines, flush):
        self._lines, self._flush = lines, flush

    @property
    def dtr(self):
        return self._lines.dtr

    @dtr.setter
    def dtr(self, on):
        self._lines.set(dtr=on)

    @property
    def rts(self):
        return self._lines.rts

    @rts.setter
    def rts(self, on):
        self._lines.set(rts=on)

    def reset_input_buffer(self):
        pass

    def reset_output_buffer(self):
        self._flush()


class Rfc2217Port:
    """serve() once, close() at the end; write(bytes) takes what the board sends. receive(bytes) gets what the client sends."""

    def __init__(self, loop, port, receive, flush, on_held, on_released):
        self._loop, self.port = loop, port
        self._receive, self._flush, self._on_held, self._on_released = receive, flush, on_held, on_released
        self._server = self._client = None      # client: (writer, manager, lines)

    async def serve(self):
        """Raises BenchError when the port is taken."""
        try:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        except OSError as e:
            raise BenchError("port %d for RFC 2217 is not to be had (%s): choose another one" % (self.port, e.strerror or e)) from None
        self.port = self._server.sockets[0].getsockname()[1]

    async def _connected(self, reader, writer):
        if self._client is not None:
            writer.close()           # busy, as an open port is
            return
        lines = Lines(self._loop, self._on_held, self._on_released)
        manager = rfc2217.PortManager(_Port(lines, self._flush), writer, logger=None)
        self._client = (writer, manager, lines)
        try:
            while data := await reader.read(4096):
                received = b"".join(manager.filter(data))
                if received:
                    self._receive(received)
        except ConnectionError:
            pass
        finally:
            self._client = None
            lines.let_go()
            writer.close()

    def write(self, data):
        if self._client is not None:
            writer, manager, _ = self._client
            if writer.transport.get_write_buffer_size() < 65536:     # what nobody takes is lost, as on a wire
                writer.write(b"".join(manager.escape(data)))

    def close(self):
        if self._client is not None:
            self._client[0].close()
        if self._server is not None:
            self._server.close()
