"""The station model against the sequences recorded from a real image (status, isconnected, address over time)."""

import pytest

from holdfast_bench.world import wifi
from holdfast_bench.world.dhcp import Lease, Server
from holdfast_bench.world.ether import AccessPoint, Ether
from holdfast_bench.world.kernel import VirtualKernel
from holdfast_bench.world.rng import rng_for
from holdfast_bench.world.station import Station
from holdfast_bench.world.wifi import Wifi, WifiError

OPEN = dict(key="", channel=1)


class Rig:
    def __init__(self, **ap):
        self.k = VirtualKernel()
        self.ether = Ether()
        self.dhcp = Server(Lease("10.73.0.15"))
        self.ap = self.ether.add(AccessPoint("net", dhcp=self.dhcp, **dict(OPEN, **ap)))
        self.wifi = Wifi(self.k, self.ether, rng_for(1, "radio"), b"\x24\x0a\xc4\x00\x00\x01")
        self.sta = Station(self.wifi)
        self.events = []
        self.sta.on_radio = lambda name, reason: self.events.append((self.k.now_ms, name, reason))

    def now(self):
        return self.sta.status(), self.sta.connected, self.wifi.ip

    def run(self, ms):
        """The sequence of (ms since the call, status, isconnected, ip) whenever it changes, as the probes printed it."""
        start, seen, last = self.k.now_ms, [], None
        while self.k.now_ms - start <= ms:
            if self.now() != last:
                last = self.now()
                seen.append((self.k.now_ms - start,) + last)
            self.k.wait(self.k.now_ms + 1)
        return seen

    def join(self):
        self.wifi.start()
        self.sta.connect(("net", self.ap.key, None))
        self.run(3000)
        assert self.sta.connected


def shape(sequence):
    return [step[1:] for step in sequence]


def test_cold_join_takes_a_second_of_address_checking():
    r = Rig()
    r.wifi.start()
    r.sta.connect(("net", "", None))
    seq = r.run(3000)
    assert shape(seq) == [(1001, False, "0.0.0.0"), (1010, True, "10.73.0.15")]
    assert 1030 <= seq[1][0] <= 1090
    assert r.wifi.dns == "10.73.0.1"


@pytest.mark.parametrize("channel, low, high", [(5, 1480, 1580), (10, 2090, 2190)])
def test_the_scan_walks_the_channels(channel, low, high):
    r = Rig(channel=channel)
    r.wifi.start()
    r.sta.connect(("net", "", None))
    assert low <= r.run(4000)[-1][0] <= high


def test_static_address_is_up_at_association():
    r = Rig()
    r.wifi.start()
    r.wifi.set_static("10.73.0.20", "255.255.255.0", "10.73.0.1", "10.73.0.1")
    r.sta.connect(("net", "", None))
    seq = r.run(100)
    assert seq[-1][1:] == (1010, True, "10.73.0.20") and 20 <= seq[-1][0] <= 41


@pytest.mark.parametrize("reconnects", [-1, 0, 2])
def test_absent_network_shows_201_for_ever(reconnects):
    r = Rig()
    r.wifi.start()
    r.sta.reconnects = reconnects
    r.sta.connect(("nosuch", "secret123", None))
    seq = r.run(14000)
    assert shape(seq) == [(1001, False, "0.0.0.0"), (201, False, "0.0.0.0")]
    assert 2400 <= seq[1][0] <= 2430
    tries = len([e for e in r.events if e[1] == "disconnected"])
    assert tries == {-1: 5, 0: 1, 2: 3}[reconnects]


def test_status_of_the_last_failure_stays_until_an_address_is_there():
    r = Rig()
    r.wifi.start()
    r.sta.reconnects = 0
    r.sta.connect(("nosuch", "", None))
    r.run(3000)
    r.sta.connect(("net", "", None))
    assert shape(r.run(2000)) == [(201, False, "0.0.0.0"), (1010, True, "10.73.0.15")]


def test_own_disconnect_is_an_event_a_little_later_and_leaves_1000():
    r = Rig()
    r.join()
    r.sta.disconnect()
    seq = r.run(100)
    assert shape(seq) == [(1010, True, "10.73.0.15"), (1000, False, "0.0.0.0")]
    assert 11 <= seq[1][0] <= 25 and r.wifi.dns == "10.73.0.1"
    r.sta.connect(None)
    assert shape(r.run(1500)) == [(1000, False, "0.0.0.0"), (1010, True, "10.73.0.15")]


def test_disconnect_and_connect_without_a_pause():
    r = Rig()
    r.join()
    r.sta.disconnect()
    r.sta.connect(("net", "", None))
    seq = r.run(1500)
    assert shape(seq) == [(1000, False, "0.0.0.0"), (1010, True, "10.73.0.15")] and 1030 <= seq[1][0] <= 1090


def test_disconnect_while_scanning_makes_no_event_and_stops_the_retries():
    r = Rig()
    r.wifi.start()
    r.sta.connect(("nosuch", "", None))
    r.run(3000)
    r.sta.disconnect()
    assert shape(r.run(8000)) == [(201, False, "0.0.0.0")]
    assert len([e for e in r.events if e[1] == "disconnected"]) == 1


def test_connect_while_the_driver_is_busy_fails_yet_changes_the_configuration():
    r = Rig()
    r.wifi.start()
    r.sta.connect(("nosuch", "", None))
    r.run(1300)
    with pytest.raises(WifiError) as e:
        r.sta.connect(("net", "", None))
    assert e.value.what == "Wifi Internal Error"
    seq = r.run(4000)
    assert seq[-1][1:] == (1010, True, "10.73.0.15") and 1900 <= seq[-1][0] <= 2900


def test_with_reconnects_0_the_changed_configuration_is_never_tried():
    r = Rig()
    r.wifi.start()
    r.sta.reconnects = 0
    r.sta.connect(("nosuch", "", None))
    r.run(1300)
    with pytest.raises(WifiError):
        r.sta.connect(("net", "", None))
    assert r.run(6000)[-1][1] == 201


def test_connect_while_joined_does_nothing_even_for_another_network():
    r = Rig()
    r.ether.add(AccessPoint("other", dhcp=r.dhcp))
    r.join()
    r.sta.connect(("other", "", None))
    assert shape(r.run(8000)) == [(1010, True, "10.73.0.15")] and r.wifi.ssid == "other"


@pytest.mark.parametrize("key", ["secret123", "abc"])
def test_a_key_for_an_open_network_gives_210(key):
    r = Rig()
    r.wifi.start()
    r.sta.connect(("net", key, None))
    seq = r.run(5000)
    assert seq[-1][1] == 210 and 2400 <= seq[1][0] <= 2440


def test_a_pinned_station_finds_only_its_own_access_point():
    r = Rig()
    r.wifi.start()
    r.sta.connect(("net", "", b"\x02\x03\x04\x05\x06\x07"))
    assert r.run(5000)[-1][1] == 201
    r.sta.disconnect()
    r.sta.connect(("net", "", r.ap.bssid))
    assert r.run(2000)[-1][1] == 1010


def test_the_first_match_by_channel_is_taken_not_the_strongest():
    r = Rig(channel=6, rssi=-30)
    weak = r.ether.add(AccessPoint("net", bssid=b"\x02\xbb\x00\x00\x00\x02", channel=2, rssi=-80, dhcp=r.dhcp))
    r.join()
    assert r.wifi.ap is weak


def test_errors_before_and_after_activation():
    r = Rig()
    for call, text in ((lambda: r.sta.connect(("net", "", None)), "Wifi Invalid Mode"), (r.sta.disconnect, "Wifi Not Started"),
                       (r.wifi.rssi, "Wifi Internal Error")):
        with pytest.raises(WifiError) as e:
            call()
        assert e.value.what == text
    r.wifi.start()
    with pytest.raises(WifiError) as e:
        r.sta.connect(None)
    assert e.value.what == "Wifi SSID Invalid"
    with pytest.raises(WifiError) as e:
        r.wifi.rssi()
    assert e.value.what == "Wifi Not Connected"
    r.wifi.stop()
    with pytest.raises(WifiError) as e:
        r.sta.connect(("net", "", None))
    assert e.value.what == "Wifi Not Started" and r.wifi.ssid == "net"


def test_outage_noticed_after_eight_seconds_and_default_retries_rejoin():
    r = Rig()
    r.join()
    r.run(9000)
    r.ap.off()
    seq = r.run(30000)
    assert shape(seq) == [(1010, True, "10.73.0.15"), (1001, False, "0.0.0.0"), (201, False, "0.0.0.0")]
    assert 8140 <= seq[1][0] <= 9350 and 2400 <= seq[2][0] - seq[1][0] <= 2430
    r.ap.on()
    back = r.run(5000)
    assert shape(back) == [(201, False, "0.0.0.0"), (1010, True, "10.73.0.15")] and 1000 <= back[1][0] <= 3500


def test_outage_soon_after_joining_takes_longer_to_notice():
    r = Rig()
    r.join()
    r.ap.off()
    at = [s for s in r.run(15000) if not s[2]][0][0]
    assert 8140 <= at <= 11900
    r2 = Rig()
    r2.wifi.start()
    r2.sta.connect(("net", "", None))
    r2.run(1500)
    r2.ap.off()
    assert 11500 <= [s for s in r2.run(15000) if not s[2]][0][0] <= 11900


def test_without_retries_an_outage_ends_at_200_and_stays_there():
    r = Rig()
    r.join()
    r.run(9000)
    r.sta.reconnects = 0
    r.ap.off()
    assert shape(r.run(25000)) == [(1010, True, "10.73.0.15"), (200, False, "0.0.0.0")]
    r.ap.on()
    assert shape(r.run(12000)) == [(200, False, "0.0.0.0")]
    r.sta.connect(None)
    assert r.run(2000)[-1][1] == 1010


def test_a_budget_of_one_retry_is_used_up():
    r = Rig()
    r.join()
    r.sta.reconnects = 1
    r.ap.off()
    assert [s[1] for s in r.run(25000)] == [1010, 1001, 201]
    r.ap.on()
    assert r.run(8000)[-1][1] == 201


def test_the_budget_is_for_the_life_since_connect_not_per_outage():
    r = Rig()
    r.sta.reconnects = 1
    r.join()
    for expected in (True, False):
        r.ap.deauth()
        r.run(4000)
        assert r.sta.connected is expected


def test_a_short_fade_is_not_noticed_at_all():
    r = Rig()
    r.join()
    r.ap.fade()
    r.run(3000)
    r.ap.on()
    assert shape(r.run(15000)) == [(1010, True, "10.73.0.15")] and r.wifi.passes()


def test_an_access_point_that_rebooted_throws_the_station_out():
    r = Rig()
    r.join()
    r.ap.off()
    r.run(2000)
    r.ap.on()
    assert not r.wifi.passes()
    seq = r.run(6000)
    assert [s[2] for s in seq][:3] == [True, False, True] and seq[1][0] <= 800


def test_no_dhcp_answer_means_1001_without_end():
    r = Rig()
    r.dhcp.silent = True
    r.wifi.start()
    r.sta.connect(("net", "", None))
    assert shape(r.run(25000)) == [(1001, False, "0.0.0.0")] and r.wifi.rssi() < 0
    r.dhcp.silent = False
    assert r.run(20000)[-1][1] == 1010


def test_no_dhcp_answer_after_an_own_disconnect_shows_1000():
    r = Rig()
    r.join()
    r.sta.disconnect()
    r.run(100)
    r.dhcp.silent = True
    r.sta.connect(None)
    assert shape(r.run(25000)) == [(1000, False, "0.0.0.0")]


def test_a_lease_that_is_not_renewed_leaves_a_connected_flag_without_an_address():
    r = Rig()
    downs = []
    r.wifi.on_down = lambda: downs.append(r.k.now_ms)
    r.dhcp.lease = Lease("10.73.0.15", time_s=600)
    r.join()
    r.dhcp.silent = True
    r.k.wait(r.k.now_ms + 700_000)
    assert r.now() == (1010, True, "0.0.0.0") and len(downs) == 1
    r.dhcp.silent = False
    r.k.wait(r.k.now_ms + 70_000)
    assert r.now() == (1010, True, "10.73.0.15")


def test_switching_off_while_joined_and_on_again_does_not_rejoin():
    r = Rig()
    r.join()
    r.wifi.stop()
    assert r.now() == (1000, False, "0.0.0.0")
    r.wifi.start()
    assert shape(r.run(4000)) == [(1000, False, "0.0.0.0")]
    r.sta.connect(None)
    assert r.run(2000)[-1][1] == 1010


def test_switching_off_while_retrying_ends_the_retries():
    r = Rig()
    r.wifi.start()
    r.sta.connect(("nosuch", "", None))
    r.run(6000)
    r.wifi.stop()
    r.wifi.start()
    assert shape(r.run(5000)) == [(1000, False, "0.0.0.0")]


def test_an_idle_201_survives_switching_off_and_on():
    r = Rig()
    r.wifi.start()
    r.sta.reconnects = 0
    r.sta.connect(("nosuch", "", None))
    r.run(3000)
    r.wifi.stop()
    r.wifi.start()
    assert r.sta.status() == 201


def test_a_wrong_key_shows_many_faces_and_never_joins():
    seen = []
    r = Rig(key="right-key")
    r.wifi.start()
    r.sta.reconnects = 0
    for _ in range(30):
        r.sta.connect(("net", "wrong-key", None))
        r.run(8000)
        seen.append(r.sta.status())
    assert 1010 not in seen and 202 in seen and 15 in seen


def test_reconnects_is_a_byte():
    r = Rig()
    for n, back in ((300, 44), (255, -1), (0, 0), (-1, -1)):
        r.sta.reconnects = n
        assert r.sta.reconnects == back


def test_dhcp_again_is_refused_while_it_runs():
    r = Rig()
    r.join()
    with pytest.raises(WifiError) as e:
        r.wifi.set_dhcp()
    assert e.value.what == 0x5004
    r.wifi.set_static("10.73.0.21", "255.255.255.0", "10.73.0.1", None)
    assert r.now() == (1010, True, "10.73.0.21") and r.wifi.dns == "0.0.0.0"
    r.wifi.set_dhcp()
    seq = r.run(2000)
    assert shape(seq) == [(1010, True, "0.0.0.0"), (1010, True, "10.73.0.15")] and 1000 <= seq[1][0] <= 1060


def test_scan_results_are_sorted_by_strength():
    r = Rig(rssi=-70)
    r.ether.add(AccessPoint("near", rssi=-30))
    r.ether.add(AccessPoint("gone", rssi=-20)).up = False
    assert [ap.ssid for ap, _ in r.wifi.heard()] == ["near", "net"]
    assert wifi.STATES[r.wifi.state] == "off"
