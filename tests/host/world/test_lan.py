"""The model of Ethernet against the port's network_lan.c and IDF: events, the driver's looks at the link, addresses; and which interface a connection takes."""

from holdfast_bench.world import lan
from holdfast_bench.world.air import Air
from holdfast_bench.world.dhcp import Lease, Server
from holdfast_bench.world.kernel import VirtualKernel
from holdfast_bench.world.lan import Cable, Lan
from holdfast_bench.world.lwip import DEAD, ECONNABORTED, OPEN
from holdfast_bench.world.rng import rng_for
from holdfast_bench.world.routes import Routes
from holdfast_bench.world.tcp_chip import Stack
from holdfast_bench.world.tcp_host import Host


class Rig:
    def __init__(self):
        self.k = VirtualKernel()
        self.server = Server(Lease("10.74.0.15", gateway="10.74.0.1", dns=("10.74.0.1",)))
        self.cable = Cable(self.server)
        self.lan = Lan(self.k, self.cable, rng_for(1, "lan"), b"\0" * 6)
        self.seen, self.down, self.dns = [], [], []
        self.lan.on_event = lambda name: self.seen.append((self.k.now_ms, name))
        self.lan.on_down = lambda: self.down.append(self.k.now_ms)
        self.lan.on_dns = self.dns.append

    def wait(self, ms):
        self.k.wait(self.k.now_ms + ms)

    def names(self):
        return [name for _, name in self.seen]


def up():
    rig = Rig()
    rig.lan.make()
    rig.lan.start()
    rig.wait(6000)
    return rig


def test_from_start_to_address_the_link_comes_at_a_look_of_the_driver_and_dhcp_checks_for_a_second():
    rig = up()
    assert rig.names() == ["started", "connected", "got_ip"]
    assert rig.seen[1][0] == 2000 and rig.seen[2][0] == 3010
    assert rig.lan.ip == "10.74.0.15" and rig.dns == ["10.74.0.1"]


def test_a_pulled_cable_is_noticed_at_the_next_look_and_takes_the_address():
    rig = up()
    rig.wait(500)
    rig.cable.pull()
    assert not rig.lan.passes() and rig.lan.status == lan.GOT_IP, "until then the port says that all is well"
    rig.wait(2000)
    assert rig.names()[-1] == "disconnected" and rig.down and rig.lan.ip == lan.ZERO
    rig.cable.plug()
    rig.wait(6000)
    assert rig.names()[-2:] == ["connected", "got_ip"]


def test_without_dhcp_it_stays_connected_without_address():
    rig = Rig()
    rig.server.silent = True
    rig.lan.start()
    rig.wait(60_000)
    assert rig.lan.status == lan.CONNECTED and not rig.lan.has_address()


def test_a_static_address_needs_no_dhcp():
    rig = Rig()
    rig.server.silent = True
    rig.lan.set_static("10.74.0.7", "255.255.255.0", "10.74.0.1")
    rig.lan.start()
    rig.wait(3000)
    assert rig.lan.status == lan.GOT_IP and rig.lan.ip == "10.74.0.7"


def test_a_lost_lease_shows_in_the_address_alone():
    rig = up()
    rig.server.silent = True
    rig.wait(7_300_000)
    assert rig.lan.status == lan.GOT_IP and rig.lan.ip == lan.ZERO and rig.down


def test_stopped_and_started_again():
    rig = up()
    rig.lan.stop()
    assert rig.lan.status == lan.STOPPED and not rig.lan.has_address()
    rig.lan.start()
    rig.wait(6000)
    assert rig.lan.status == lan.GOT_IP


class Interface:
    def __init__(self, ip):
        self.ip, self.mask, self.there = ip, "255.255.255.0", True

    def has_address(self):
        return self.there

    def passes(self):
        return self.there


def test_wifi_has_the_default_route_while_it_is_up_and_a_bound_address_chooses_its_interface():
    wifi, wire, routes = Interface("10.73.0.15"), Interface("10.74.0.15"), Routes()
    w, e = routes.add(wifi, None, 100), routes.add(wire, None, 50)
    assert routes.choose("8.8.8.8") is w
    assert routes.choose("10.74.0.9") is e, "the subnet goes before the default route"
    assert routes.choose("8.8.8.8", "10.74.0.15") is e
    assert routes.choose("8.8.8.8", "10.99.0.1") is w, "nobody has that address"
    wifi.there = False
    assert routes.choose("8.8.8.8") is e and routes.present()
    wire.there = False
    assert routes.choose("8.8.8.8") is None and not routes.present()


def test_connections_end_with_their_own_interface_only():
    k = VirtualKernel()
    wifi, wire = Interface("10.73.0.15"), Interface("10.74.0.15")
    host = Host(k)

    class App:
        def accept(self, peer):
            return self

        def feed(self, data, now_ms):
            pass

        def lost(self, now_ms, why):
            pass

    host.ports[1883] = App()
    stack = Stack(k, Air(k, wifi.passes), wifi, {"10.73.0.2": host}.get)
    wired = Air(k, wire.passes)
    stack.add_way(wire, wired, 50)
    one, two = stack.dial("10.73.0.2", 1883), stack.dial("10.73.0.2", 1883, "10.74.0.15")
    k.wait(100)
    assert (one.state, two.state) == (OPEN, OPEN) and two.air is wired
    stack.address_lost(wired)
    assert one.state == OPEN and (two.state, two.error) == (DEAD, ECONNABORTED)
