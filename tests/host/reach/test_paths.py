"""Several paths, in simulation: which one is used, when it is left, when it is returned to, and that none of it loses anything or flaps."""

import pytest
from reach_story import LAN, Story, command, fault

CABLE_FIRST = {"paths": {"order": ["lan", "wifi"], "lan": LAN}}
WIFI_FIRST = {"paths": {"order": ["wifi", "lan"], "lan": LAN}}
NETWORKS = {"paths": {"order": ["wifi"]}}
PPP = {"uart": 1, "tx": 17, "rx": 16, "apn": "internet"}
CELLULAR_LAST = {"paths": {"order": ["wifi", "ppp"], "ppp": PPP, "return_s": 10}}


def used(s):
    """(ms, path) whenever one came up."""
    return [(e["t"], e["path"]) for e in s.of("link", up=True)]


def also(other, at_s, for_s, own_id, **args):
    """A second fault of the same name."""
    actions = fault(other, at_s, for_s, **args)
    for a in actions:
        a["id"] = a["id"].replace(other, own_id)
        a.update({k: own_id for k in ("of", "after") if a.get(k) == other})
    return actions


def test_a_pulled_cable_costs_the_time_to_notice_and_to_join_wifi():  # R25
    s = Story(fault("cable_pulled", 20, 60), run_s=130, config=CABLE_FIRST, lan=True)
    assert [path for _, path in used(s)] == ["lan", "wifi:holdfast", "lan"]
    assert s.after("cable_pulled", "state", new="online")["t"] - s.at("cable_pulled") < 8000
    back = s.after("cable_pulled.end", "link", up=True)["t"] - s.at("cable_pulled.end")
    assert back < 30_000 and s.lost == 0
    offline = s.after("cable_pulled.end", "state", new="online")["t"] - s.after("cable_pulled.end", "link", up=False)["t"]
    assert offline < 500, "the cable is probed while Wi-Fi still carries the data"


def test_a_silent_access_point_is_left_before_the_driver_notices():  # R25: that takes it 8 to 12 s
    s = Story(fault("ap_gone", 30, 60), run_s=150, config=WIFI_FIRST, lan=True)
    assert [path for _, path in used(s)] == ["wifi:holdfast", "lan", "wifi:holdfast"]
    assert s.after("ap_gone", "state", new="online")["t"] - s.at("ap_gone") < 6000 and s.lost == 0


def test_networks_in_their_order():  # R25
    s = Story(fault("ap_gone", 20, 60), run_s=220, config=NETWORKS, networks=2)
    assert [path for _, path in used(s)] == ["wifi:holdfast", "wifi:holdfast2", "wifi:holdfast"] and s.lost == 0


def test_a_network_that_stays_away_is_tried_ever_less_often():  # R25: each try costs a reconnect
    s = Story(fault("ap_gone", 20, 3500), run_s=3600, config=NETWORKS, networks=2)
    tries = [t for t, path in used(s) if path == "wifi:holdfast2"]
    assert 3 <= len(tries) <= 8 and s.lost == 0
    gaps = [b - a for a, b in zip(tries, tries[1:])]
    assert gaps == sorted(gaps) and gaps[-1] > 4 * gaps[0]


def test_a_node_with_a_cable_only_needs_no_wifi():  # R25
    def without_wifi(spec):
        del spec.config["wifi"]

    s = Story(fault("cable_pulled", 20, 20), run_s=90, config={"paths": {"order": ["lan"], "lan": LAN}}, lan=True, spec=without_wifi)
    assert [path for _, path in used(s)] == ["lan", "lan"] and s.lost == 0
    assert not s.of("radio", what="start")


def test_a_fleet_that_left_a_path_together_does_not_look_for_it_in_step():  # R3, R25
    paths = {**CABLE_FIRST["paths"], "rise": 20}
    s = Story(fault("cable_pulled", 20, 15), run_s=150, config={"paths": paths}, lan=True)
    tries = [e["t"] for e in s.of("dial") if e["t"] > s.at("cable_pulled.end")]
    gaps = [b - a for a, b in zip(tries, tries[1:])]
    assert len(gaps) >= 15 and max(gaps) < 5500 and max(gaps) - min(gaps) > 500 and len(set(gaps)) > 8


def test_the_bench_takes_the_radio_away_and_leaves_the_cable_alone():  # R25
    s = Story(command("off", 20, cmd="radio", on=False), command("on", 60, cmd="radio", on=True), run_s=130, config=WIFI_FIRST, lan=True)
    assert [path for _, path in used(s)] == ["wifi:holdfast", "lan", "wifi:holdfast"] and s.lost == 0
    off, on = (next(e["t"] for e in s.of("command", id=name)) for name in ("off", "on"))
    assert off < used(s)[1][0] < off + 8000 and used(s)[2][0] > on


def test_the_radio_of_a_node_without_one_cannot_be_taken_away():  # R25
    def without_wifi(spec):
        del spec.config["wifi"]

    s = Story(command("off", 20, cmd="radio", on=False), run_s=60, config={"paths": {"order": ["lan"], "lan": LAN}}, lan=True, spec=without_wifi)
    assert ["no Wi-Fi among the paths" in e["why"] for e in s.of("stopped")] == [True]


def test_what_is_known_of_the_paths_outlives_a_reset():  # R25
    s = Story(fault("slow_link", 10, 200, delay_ms=200, jitter_ms=20, way="lan"), fault("reset", 100, kind="software"), run_s=190,
              config={**CABLE_FIRST, "app": {"period_ms": 250}}, lan=True)
    again = s.of("boot")[1]["t"]
    assert [path for t, path in used(s) if t < again] == ["lan", "wifi:holdfast"]
    assert [path for t, path in used(s) if t > again] == ["wifi:holdfast"], "the cable was bad, and is not tried first"
    assert s.lost == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_slow_path_is_left_with_one_short_reconnect_and_nothing_is_lost(seed):  # R26, R28
    s = Story(fault("slow_link", 20, 100, delay_ms=150, jitter_ms=30, way="lan"), run_s=250, seed=seed, config={**CABLE_FIRST, "app": {"period_ms": 250}}, lan=True)
    assert [path for _, path in used(s)] == ["lan", "wifi:holdfast", "lan"] and s.lost == 0
    assert s.of("path", state="bad")[0]["rtt_ms"] > 200
    down, up = s.of("link", up=False)[0], [e for e in s.of("state", new="online") if e["t"] > s.of("link", up=False)[0]["t"]][0]
    assert up["t"] - down["t"] < 1000 and s.result.numbers["reconnects"] == 2


def test_a_path_that_is_still_slow_is_not_returned_to():  # R26: the probes go over it, not over the default route
    s = Story(fault("slow_link", 20, 300, delay_ms=150, jitter_ms=30, way="lan"), run_s=260, config={**CABLE_FIRST, "app": {"period_ms": 250}}, lan=True)
    assert [path for _, path in used(s)] == ["lan", "wifi:holdfast"]


def test_a_lossy_path_is_left():  # R26: above 5 %
    s = Story(fault("loss", 20, 400, p=0.15, correlation=0, way="lan"), run_s=400, config={**CABLE_FIRST, "app": {"period_ms": 500}}, lan=True)
    assert ("wifi:holdfast") in [path for _, path in used(s)] and s.lost == 0
    assert s.of("path", state="bad")[0]["loss"] > 5


def test_one_percent_loss_is_kept():  # R26
    s = Story(fault("loss", 20, 900, p=0.005, correlation=0, way="lan"), run_s=900, config={**CABLE_FIRST, "app": {"period_ms": 500}}, lan=True)
    assert [path for _, path in used(s)] == ["lan"] and s.lost == 0


@pytest.mark.parametrize("profile", ["lte", "wifi"])
def test_half_an_hour_on_a_jittery_link_that_is_good_enough_changes_nothing(profile):  # R26
    s = Story(fault("jittery_link", 5, 1790, profile=profile, way="lan"), run_s=1800, config={**CABLE_FIRST, "app": {"period_ms": 2000}}, lan=True)
    assert [path for _, path in used(s)] == ["lan"] and s.lost == 0


@pytest.mark.parametrize("seed", [1, *[pytest.param(n, marks=pytest.mark.soak) for n in range(2, 12)]])
def test_two_links_that_hover_around_the_limit_do_not_flap(seed):  # R26: an hour of round trips around 200 ms on both
    s = Story(fault("jittery_link", 5, 3590, profile="bloat", way="lan"), also("jittery_link", 5, 3590, "other", profile="bloat", way="wifi"),
              fault("slow_link", 5, 3590, delay_ms=12, jitter_ms=10, way="lan"), also("slow_link", 5, 3590, "slower", delay_ms=12, jitter_ms=10, way="wifi"),
              run_s=3600, seed=seed, config=CABLE_FIRST, lan=True)
    changes = used(s)[1:]
    assert len([e for e in s.of("path", state="bad")]) >= 2, "it is a link that deserves it"
    assert len(changes) <= 12 and s.lost == 0
    assert all(b - a > 20_000 for (a, _), (b, _) in zip(changes[1::2], changes[3::2]))


def test_both_paths_gone_and_back():
    s = Story(fault("cable_pulled", 20, 60), fault("ap_gone", 20, 60), run_s=200, config=CABLE_FIRST, lan=True)
    assert s.after("cable_pulled.end", "state", new="online")["t"] - s.at("cable_pulled.end") < 15_000 and s.lost == 0


def test_a_broker_that_is_away_does_not_make_the_node_hop_for_ever():  # R25: the broker is to blame, not the paths
    s = Story(fault("broker_stopped", 20, 300), run_s=400, config=CABLE_FIRST, lan=True)
    assert len(used(s)) <= 4 and s.lost == 0
    assert s.after("broker_stopped.end", "state", new="online")["t"] - s.at("broker_stopped.end") < 15_000


def test_cellular_is_the_last_resort_and_costs_no_call_before():  # R25
    s = Story(fault("ap_gone", 30, 60), run_s=150, config=CELLULAR_LAST, modem=True)
    assert [path for _, path in used(s)] == ["wifi:holdfast", "ppp", "wifi:holdfast"] and s.lost == 0
    assert [e["what"] for e in s.of("ppp")] == ["up", "down"], "one call, and the modem hangs up when it is over"
    assert s.at("ap_gone") < s.of("ppp", what="up")[0]["t"] < s.after("ap_gone", "state", new="online")["t"] < s.at("ap_gone") + 8000
    assert not [e for e in s.of("block") if e["t"] > 10_000], "the dialogue with the modem blocks nothing"


def test_a_node_with_a_modem_only_needs_no_wifi():  # R25
    def without_wifi(spec):
        del spec.config["wifi"]

    s = Story(fault("signal_lost", 60, 30), run_s=180, config={"paths": {"order": ["ppp"], "ppp": {**PPP, "pin": "2468"}}}, modem={"pin": "2468"}, spec=without_wifi)
    assert [path for _, path in used(s)] == ["ppp", "ppp"] and s.lost == 0
    assert not s.of("radio", what="start")


def test_a_wrong_access_point_name_keeps_nobody_from_the_other_paths():  # R25
    s = Story(fault("ap_gone", 20, 60), run_s=150, config={"paths": {"order": ["wifi", "ppp"], "ppp": {**PPP, "apn": "wrong"}, "return_s": 10}}, modem=True)
    assert {path for _, path in used(s)} == {"wifi:holdfast"} and s.lost == 0
    assert "ppp: call: b'NO CARRIER'" in [e["msg"] for e in s.of("err", code="link")], "somebody can mend that"
    assert s.after("ap_gone.end", "state", new="online")["t"] - s.at("ap_gone.end") < 20_000


@pytest.mark.parametrize("ping_s, least_ms, most_ms", [(None, 0, 12_000), (60, 20_000, 64_000)])
def test_the_standing_traffic_over_cellular_can_be_less_and_silence_is_noticed_later(ping_s, least_ms, most_ms):  # R25: each byte costs money there
    config = {"paths": {"order": ["ppp"], "ppp": {**PPP, "ping_s": ping_s}}, "metrics_s": 0, "app": {"period_ms": 600_000}}
    s = Story(fault("modem_gone", 100, 80), run_s=300, config=config, modem=True)
    assert s.lost == 0 and least_ms < s.after("modem_gone", "state", new="suspect")["t"] - s.at("modem_gone") < most_ms
