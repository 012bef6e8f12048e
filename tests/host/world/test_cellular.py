"""The modelled modem and the chip's PPP: what is said on the line, who has the default route, and what nobody is told."""

from holdfast_bench.world import ppp as model
from holdfast_bench.world.kernel import VirtualKernel
from holdfast_bench.world.modem import LCP, Modem
from holdfast_bench.world.ppp import Ppp
from holdfast_bench.world.routes import Routes


class Rig:
    def __init__(self, **sim):
        self.k = VirtualKernel()
        self.modem = Modem(self.k, **sim)
        self.ppp = Ppp(self.k, self.modem, "10.75.0.")
        self.said = b""
        self.modem.say = self._say
        self.down = []
        self.ppp.on_down = lambda: self.down.append(self.k.now_ms)

    def _say(self, data):
        self.said += data

    def until(self, ms):
        self.k.wait(self.k.now_ms + ms)

    def ask(self, text, ms=50):
        self.said = b""
        self.modem.hear(text.encode() + b"\r")
        self.until(ms)
        return self.said

    def call(self):
        self.until(8000)
        self.ask("ATE0")
        self.ask('AT+CGDCONT=1,"IP","internet"')
        assert self.ask("ATD*99#", 500).endswith(LCP)
        self.ppp.activate()
        self.ppp.connect(LCP)
        self.until(600)


def test_it_is_deaf_while_it_starts_and_then_echoes():
    rig = Rig()
    assert rig.ask("AT") == b""
    rig.until(4000)
    assert b"RDY" in rig.said and rig.ask("AT") == b"AT\r\r\nOK\r\n"
    rig.ask("ATE0")
    assert rig.ask("AT") == b"\r\nOK\r\n" and rig.ask("AT+NONSENSE") == b"\r\nERROR\r\n"


def test_a_call_wants_a_network_and_the_right_name():
    rig = Rig()
    rig.until(5000)
    rig.ask("ATE0")
    assert b"0,2" in rig.ask("AT+CEREG?") and rig.ask("ATD*99#", 3000) == b"\r\nNO CARRIER\r\n"
    rig.until(5000)
    assert b"0,1" in rig.ask("AT+CEREG?")
    rig.ask('AT+CGDCONT=1,"IP","other"')
    assert rig.ask("ATD*99#", 3000) == b"\r\nNO CARRIER\r\n"


def test_ppp_with_a_first_frame_that_was_stolen_takes_seconds_longer():
    rig = Rig()
    rig.call()
    assert rig.ppp.status == model.CONNECTED and rig.ppp.ip == "10.75.0.15"
    late = Rig()
    late.until(8000)
    late.ask('AT+CGDCONT=1,"IP","internet"')
    late.ask("ATD*99#", 500)
    late.ppp.connect(b"")
    late.until(5000)
    assert late.ppp.status == model.CONNECTING
    late.until(2000)
    assert late.ppp.status == model.CONNECTED


def test_a_modem_that_is_gone_shows_in_nothing():
    rig = Rig()
    rig.call()
    rig.modem.remove()
    rig.until(600_000)
    assert rig.ppp.status == model.CONNECTED and not rig.modem.passes() and not rig.down
    rig.modem.put_back()
    rig.until(8000)
    assert not rig.modem.passes(), "it knows nothing of a call"


def test_without_signal_it_hangs_up_after_a_while():
    rig = Rig()
    rig.call()
    rig.modem.set_signal(False)
    rig.until(14_000)
    assert rig.ppp.status == model.CONNECTED and not rig.modem.passes()
    rig.until(2000)
    assert rig.ppp.status == model.ERROR and rig.down and rig.said.endswith(b"NO CARRIER\r\n")


def test_data_mode_is_left_by_plus_plus_plus_between_silences_or_by_the_end_of_ppp():
    rig = Rig()
    rig.call()
    assert rig.ask("AT") == b"", "PPP's business"
    rig.until(1000)
    rig.modem.hear(b"+++")
    rig.until(1100)
    assert rig.ask("AT") == b"\r\nOK\r\n"
    rig = Rig()
    rig.call()
    rig.ppp.disconnect()
    rig.until(200)
    assert rig.ppp.status == model.INACTIVE and rig.ask("AT") == b"\r\nOK\r\n"


def test_a_sim_card_counts_wrong_pins():
    rig = Rig(pin="1234")
    rig.until(5000)
    assert b"SIM PIN" in rig.ask("AT+CPIN?") and b"CME" in rig.ask('AT+CPIN="0000"')
    assert b",2," in rig.ask("AT+CPINR") and b"OK" in rig.ask('AT+CPIN="1234"') and b"READY" in rig.ask("AT+CPIN?")
    for _ in range(3):
        locked = Rig(pin="1234")
    locked.until(5000)
    for _ in range(3):
        locked.ask('AT+CPIN="0000"')
    assert b"SIM PUK" in locked.ask("AT+CPIN?") and b"CME" in locked.ask('AT+CPIN="1234"')


class Driver:
    mask = "255.255.255.0"

    def __init__(self, ip):
        self.ip = ip

    def has_address(self):
        return self.ip != "0.0.0.0"


def test_connect_takes_the_default_route_and_gives_it_back_to_nobody():
    routes = Routes()
    wifi = routes.add(Driver("10.73.0.15"), "wifi", 100)
    cell = routes.add(Driver("0.0.0.0"), "ppp", 20)
    assert routes.choose("1.2.3.4") is wifi
    routes.take(cell, True)
    assert routes.choose("1.2.3.4") is None and routes.choose("1.2.3.4", "10.73.0.15") is wifi and routes.choose("10.73.0.2") is wifi
    cell.driver.ip = "10.75.0.15"
    assert routes.choose("1.2.3.4") is cell
    cell.driver.ip = "0.0.0.0"
    routes.take(cell, False)
    assert routes.choose("1.2.3.4") is None
    routes.decide()
    assert routes.choose("1.2.3.4") is wifi, "an interface has got an address"
