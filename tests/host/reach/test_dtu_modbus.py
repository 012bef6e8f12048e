"""Modbus RTU through the serial-to-network unit (R35): pymodbus polls pymodbus, while the network between them is cut and restored."""

import asyncio
import threading
import time

import pytest
from reach.dtu_rig import node, until

from holdfast_bench.drivers.broker_mosquitto import Mosquitto, find_mosquitto
from holdfast_bench.twin import TwinHost

pytest.importorskip("pymodbus")
from pymodbus import FramerType  # noqa: E402
from pymodbus.client import ModbusTcpClient  # noqa: E402
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext  # noqa: E402
from pymodbus.exceptions import ModbusException  # noqa: E402
from pymodbus.server import ModbusSerialServer  # noqa: E402

pytestmark = [pytest.mark.timeout(400), pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed")]
BAUD = 19200
REGISTERS = 40


class Slave:
    """A Modbus RTU device with holding registers, at a serial port."""

    def __init__(self, path):
        self.registers = ModbusSequentialDataBlock(1, [0] * REGISTERS)
        context = ModbusServerContext(ModbusDeviceContext(hr=self.registers), single=True)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

        async def serve():
            self._server = ModbusSerialServer(context, framer=FramerType.RTU, port=path, baudrate=BAUD)
            await self._server.serve_forever(background=True)
        asyncio.run_coroutine_threadsafe(serve(), self._loop).result(10)

    def close(self):
        asyncio.run_coroutine_threadsafe(self._server.shutdown(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


class Master:
    """Writes a new number into all registers and reads them back, again and again. Counts what comes of it."""

    def __init__(self, at):
        self.good = self.failed = 0
        self.wrong = []
        self._client = ModbusTcpClient(at[0], port=at[1], framer=FramerType.RTU, timeout=1, retries=0)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    def _poll(self):
        n = 0
        while not self._ended.is_set():
            n += 1
            try:
                self._once(n % 60000)
            except (ModbusException, OSError):
                self.failed += 1
                self._client.close()    # a late answer must not be taken for that of the next question
                self._ended.wait(0.3)

    def _once(self, n):
        if not self._client.connected and not self._client.connect():
            raise OSError("nobody there")
        if self._client.write_registers(0, [n] * REGISTERS).isError():
            raise OSError("refused")
        answer = self._client.read_holding_registers(0, count=REGISTERS)
        if answer.isError():
            raise OSError("refused")
        if answer.registers == [n] * REGISTERS:
            self.good += 1
        else:
            self.wrong.append((n, answer.registers))

    def close(self):
        self._ended.set()
        self._thread.join(20)
        self._client.close()


def test_a_master_polls_a_slave_through_outages_and_never_gets_a_wrong_answer():
    with TwinHost() as host, Mosquitto() as broker, node(host, "bus1", [{"host": host.add_host("mqtt.test", {1883: ("127.0.0.1", broker.port)})}], {"mode": "server", "port": 502, "baud": BAUD, "idle_ms": 5, "buffer_bytes": 0}) as board:
        at = host.forward(board, 502)
        slave = Slave(board.uart_port(1))
        master = Master(at)
        try:
            until(lambda: master.good >= 10, 150, lambda: (master.good, master.failed))
            for cut, heal in ((lambda: board.network.set_mode("blackhole"), lambda: board.network.set_mode("pass")), (board.access_point.off, board.access_point.on)):
                failed = master.failed
                cut()
                until(lambda: master.failed >= failed + 3, 150)
                good = master.good
                heal()
                began = time.monotonic()
                until(lambda: master.good >= good + 10, 150, lambda: (master.good - good, master.failed))
                print("%.1f s after the network was back ten polls were answered" % (time.monotonic() - began))
            assert master.wrong == []
        finally:
            master.close()
            slave.close()
