"""How a node finds its broker by name, in simulation: all addresses in their order, neighbours, name servers that fail, and that none of it blocks."""

import pytest
from reach_story import Story, fault

STALL_MS = 50


def blocked(s):
    """ms of each time that the chip stood still for a name."""
    return [e["ms"] for e in s.of("block", what="dns")]


def two_addresses(spec):
    """The name of the broker leads to a host that is not there, and then to the right one."""
    spec.brokers[0]["dead"] = ["10.73.0.77", "10.73.0.78"]


def dialled(s):
    return [e["ip"] for e in s.of("dial")]


def test_a_dead_first_address_costs_one_try_not_the_connection():  # R27
    s = Story(run_s=30, named=True, spec=two_addresses)
    assert dialled(s)[:3] == ["10.73.0.77", "10.73.0.78", "10.73.0.2"] and s.lost == 0
    assert s.of("state", new="online")[0]["t"] - s.of("link", up=True)[0]["t"] < 4000
    assert not s.of("state", new="backoff") and not blocked(s)


def test_what_worked_is_remembered_over_a_reset():  # R27
    s = Story(fault("reset", 15, kind="software"), run_s=40, named=True, spec=two_addresses)
    again = s.of("boot")[1]["t"]
    assert [e["ip"] for e in s.of("dial") if e["t"] > again] == ["10.73.0.2"] and s.lost == 0


@pytest.mark.parametrize("named", [True, "local"])
def test_a_broker_that_moves_is_found_without_standing_still(named):  # R27
    s = Story(fault("broker_moved", 20), run_s=90, named=named)
    assert s.after("broker_moved", "state", new="online")["t"] - s.at("broker_moved") < 30_000
    assert not blocked(s) and s.result.numbers["stall_ms_max"] <= STALL_MS and s.lost == 0


def test_of_several_addresses_none_is_given_up():  # R27: the right one may have been away when it was tried
    s = Story(fault("broker_stopped", 20, 8), run_s=70, named=True, spec=two_addresses)
    assert s.after("broker_stopped.end", "state", new="online")["t"] - s.at("broker_stopped.end") < 8000 and s.lost == 0
    assert {"10.73.0.77", "10.73.0.2"} <= set(dialled(s))


def test_the_old_address_is_the_last_to_be_tried_again():  # R27
    s = Story(fault("broker_moved", 20, listed=True), run_s=90, named=True)
    assert s.after("broker_moved", "state", new="online")["t"] - s.at("broker_moved") < 30_000
    assert not blocked(s) and s.lost == 0


@pytest.mark.parametrize("how", ["silent", "servfail", "nxdomain", "forged"])
def test_a_broken_name_server_harms_nobody_who_remembers(how):  # R27, R44
    s = Story(fault("dns_dead", 10, 60, how=how), fault("rst", 15), fault("half_open", 30), run_s=90, named=True)
    assert s.lost == 0 and not blocked(s)


@pytest.mark.parametrize("how", ["silent", "forged"])
def test_without_an_answer_and_without_memory_the_port_is_asked_as_a_last_resort(how):  # R27: it may know another server
    s = Story(fault("dns_dead", 8, 30, how=how), fault("power_cut", 10, 1), run_s=90, named=True)
    assert blocked(s) and max(blocked(s)) < 8000
    assert s.after("dns_dead.end", "state", new="online")["t"] - s.at("dns_dead.end") < 40_000
    assert "10.66.6.6" not in dialled(s), "what was forged is not believed"


def test_no_such_name_is_an_answer():  # R27, R36
    s = Story(fault("dns_dead", 8, 30, how="nxdomain"), fault("power_cut", 10, 1), run_s=90, named=True)
    assert s.of("err", code="dns") and not blocked(s)
    assert s.after("dns_dead.end", "state", new="online")


def test_over_ethernet_names_are_asked_for_by_the_path_in_use():  # R25, R27
    lan = {"phy": "LAN8720", "addr": 1, "mdc": 23, "mdio": 18, "power": 12}
    s = Story(fault("cable_pulled", 20, 30), run_s=120, named=True, lan=True, config={"paths": {"order": ["lan", "wifi"], "lan": lan}})
    assert s.lost == 0 and not blocked(s)
