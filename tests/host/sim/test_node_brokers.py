"""One broker after the other: backups and the way back, addresses, refused logins. In the simulation, by what happens."""

import pytest
from story import Story, command, fault

PRIMARY, BACKUP = "10.73.0.2", "10.73.0.3"
LOGIN = {"port": 1883, "user": "node", "password": "node-password"}


def dialled(story, since=0):
    return [e["ip"] for e in story.of("dial") if e["t"] >= since]


def test_backup_takes_over_in_seconds_and_the_primary_gets_it_back():  # R24, R28
    s = Story(fault("broker_stopped", 10, 60, which=1), run_s=200, brokers=2)
    over = s.after("broker_stopped", "state", new="online")
    assert over["t"] - s.at("broker_stopped") < 3000 and dialled(s, s.at("broker_stopped"))[-2] == BACKUP
    back = s.after("broker_stopped.end", "state", why="back to broker 0")
    assert back["t"] - s.at("broker_stopped.end") < 65_000 and dialled(s)[-1] == PRIMARY
    # The broker that is left is told: no last will says that the node is gone.
    assert s.of("disconnect", broker=1)[-1]["why"] == "disconnect"
    assert s.lost == 0 and s.result.numbers["duplicates"] == 0


def test_silent_primary_does_not_strand_the_node():  # R24: what fails by time-out
    def primary_is_nowhere(spec):
        spec.config["brokers"] = [{"host": "10.73.0.77", **LOGIN}, {"host": PRIMARY, **LOGIN}]

    s = Story(run_s=30, spec=primary_is_nowhere)
    first = s.of("recv")[0]["t"] - s.of("link", up=True)[0]["t"]
    assert first < 8000 and s.lost == 0
    assert [e["t"] for e in s.of("link", up=False)] == [] and s.of("ladder") == []


def test_return_that_fails_costs_one_try_and_is_not_repeated_soon():  # R24
    def primary_refuses_the_login(spec):
        spec.config["brokers"][0]["password"] = "wrong"

    s = Story(run_s=400, spec=primary_refuses_the_login, brokers=2, config={"return_s": 10, "barred_ms": 60_000})
    errors = [e["t"] for e in s.of("err", code="auth")]
    online = [e["t"] for e in s.of("state", new="online")]
    # Every failed return is followed by the backup at once; the looks are a minute apart at least: the primary's breaker is open.
    for at in errors:
        assert min(t for t in online if t > at) - at < 1000
    assert 3 <= len(errors) <= 8 and all(b - a >= 60_000 for a, b in zip(errors, errors[1:]))
    assert s.lost == 0


@pytest.mark.parametrize("code,kind", [(1, "rejected"), (2, "rejected"), (3, "busy"), (4, "auth"), (5, "auth")])
def test_each_refusal_of_connect_is_named_and_the_wifi_left_alone(code, kind):  # R7
    s = Story(fault("login_refused", 10, 100, code=code), run_s=130, config={"barred_ms": 60_000})
    errors = s.of("err", code=kind)
    assert errors and errors[-1]["msg"] == "CONNACK %d" % code
    assert errors[0]["sev"] == ("WARN" if kind == "busy" else "ERROR")
    assert s.of("link", up=False) == [] and s.of("ladder") == []
    recovered = s.after("login_refused.end", "state", new="online")["t"] - s.at("login_refused.end")
    assert recovered < (61_000 if kind in ("auth", "rejected") else 31_000) and s.lost == 0
    if kind in ("auth", "rejected"):
        # An alarm, and no hammering at a door that a human has to open.
        assert "error" in s.states() and len(errors) <= 3
        # And nothing behind the CONNECT: closing on what it has not read, a broker resets, and the reset may overtake the answer.
        online = s.after("login_refused.end", "state", new="online")["t"]
        assert [e for e in s.of("sent") if errors[0]["t"] < e["t"] < online] == []
    else:
        assert len(errors) <= 45


def test_refused_login_does_not_hammer_after_a_reset_either():  # R6, R19
    s = Story(fault("login_refused", 10, 50, code=5), command("reset", 20, cmd="reset", kind="hard"), run_s=120, config={"barred_ms": 90_000})
    assert len(s.of("boot")) == 2
    refused_at = s.of("err", code="auth")[0]["t"]
    tries = [t for t in [e["t"] for e in s.of("dial")] if t > refused_at]
    assert tries and tries[0] - refused_at > 85_000
    assert s.lost == 0


def test_no_name_server_is_asked_while_the_remembered_address_answers():  # R27
    s = Story(fault("dns_dead", 5, 300), fault("rst", 20), command("reset", 40, cmd="reset", kind="hard"), fault("ap_gone", 60, 30), run_s=320, named=True)
    assert s.result.numbers["stall_ms_max"] <= 20
    assert s.lost == 0 and len(s.of("state", new="online")) >= 4


def test_broker_that_has_moved_is_found_by_its_name():  # R27
    s = Story(fault("broker_moved", 20), run_s=120, named=True)
    found = s.after("broker_moved", "state", new="online")["t"] - s.at("broker_moved")
    # The stack keeps an answer for as long as its server says, here a minute.
    assert found < 75_000 and s.lost == 0
    assert s.result.numbers["stall_ms_max"] <= 50  # a name server that answers costs little


def test_dead_name_server_delays_only_as_long_as_it_must():  # R8: DNS blocks 7 s a call, so it is asked rarely
    s = Story(fault("dns_dead", 10, 400, how="silent"), fault("broker_stopped", 20, 200), run_s=300, named=True)
    recovered = s.after("broker_stopped.end", "state", new="online")["t"] - s.at("broker_stopped.end")
    assert recovered < 15_000 and s.lost == 0
    stalls = [e for e in s.of("accept")]
    late = [b["ticks"] - a["ticks"] for a, b in zip(stalls, stalls[1:]) if b["ticks"] - a["ticks"] > 1500]
    assert len(late) <= 4 and max(late, default=0) < 8500
    assert s.result.numbers["watchdog_bites"] == 0
