"""The serial line of a node at its limits, in simulation: flow control both ways, what happens without it, and the frame of a byte."""

import pytest
from reach_story import Story, fault, publish

LINE = {"uart": 1, "tx": 17, "rx": 16, "delimiter": "\n", "baud": 9600}
CHATTY = {"period_ms": 20, "bytes": 60}     # 60 bytes take 63 ms: it never stops talking
RAISE = [{"name": "normal", "overflow": "raise"}]


def story(*steps, dtu=None, serial=None, run_s=90, **config):
    return Story(*steps, run_s=run_s, config={"app": {"period_ms": 0}, "metrics_s": 0, "spool_kb": 0, "dtu": {**LINE, **(dtu or {})}, **config}, serial=serial or {})


def said(s, ev):
    return [e for e in s.of(ev) if e["src"] == "line/b1"]


def test_with_rts_a_memory_that_is_full_stops_the_device_and_nothing_is_dropped():  # R35: back-pressure
    s = story(fault("blackhole", 10, 50), dtu={"flow": "rts", "rts": 18}, classes=RAISE, serial=CHATTY)
    stopped, goes_on = said(s, "stopped"), said(s, "goes_on")
    assert stopped and s.at("blackhole") < stopped[0]["t"] < s.at("blackhole.end"), "the device feels it while the network is away"
    assert goes_on and goes_on[0]["t"] > s.at("blackhole.end") - 1000
    accepted = said(s, "accept")
    assert len(accepted) > 200 and s.lost == 0 and not s.of("drop")
    assert s.result.verdict == "good", s.result.findings
    assert not [e for e in accepted if stopped[0]["t"] + 100 < e["t"] < s.at("blackhole.end")], "and says nothing until there is room"


def test_without_flow_control_what_finds_no_room_is_counted_and_reported():  # R35
    s = story(fault("blackhole", 10, 50), serial=CHATTY)
    assert not said(s, "stopped")
    arrived = {e["payload"].split('"p":"')[-1].split(" ")[0] for e in s.of("recv") if e["topic"].endswith("/dtu/up")}
    missing = [e for e in said(s, "accept") if e["t"] < s.at("blackhole.end") and "%s:%d" % (e["life"], e["n"]) not in arrived]
    dropped = sum(e["n"] for e in s.of("drop") if e["why"] == "overflow")
    assert len(missing) > 50 and dropped == len(missing)


def down(n, at_s, size=120):
    return publish("down%d" % n, at_s, "dtu/down", ("%04d " % n).ljust(size - 1, ".") + "\n")


def heard(s):
    return [int(e["text"][:4]) for e in said(s, "heard")]


def test_a_device_that_takes_nothing_stops_neither_the_node_nor_what_it_has_taken_in():  # R35: CTS; write() would block for ever
    s = story(*[down(n, 8 + n) for n in range(40)], dtu={"flow": "cts", "cts": 19}, serial={"hold_s": 12, "release_s": 75}, run_s=120)
    assert s.result.numbers["watchdog_bites"] == 0 and s.result.numbers["resets"] == 0 and s.lost == 0
    held, again = [e["t"] for e in said(s, "ready")]
    refused = [e for e in s.of("err") if e.get("code") == "busy"]
    got = heard(s)
    assert refused and len(got) + len(refused) == 40, "what does not fit is reported, what fits is said"
    assert got == sorted(got) and not [e for e in said(s, "heard") if held + 200 < e["t"] < again]
    assert [e for e in said(s, "accept") if held < e["t"] < again], "what the device says goes on getting through"


def test_without_cts_the_same_device_is_written_to_and_what_it_misses_nobody_knows():
    s = story(*[down(n, 8 + n) for n in range(20)], serial={"hold_s": 12, "release_s": 75})
    assert heard(s) == list(range(20)) and not [e for e in s.of("err") if e.get("code") == "busy"]


@pytest.mark.parametrize("frame, bits", [({}, 10), ({"bits": 7, "parity": "even"}, 10), ({"parity": "odd"}, 11), ({"stop": 2}, 11), ({"parity": "even", "stop": 2}, 12), ({"bits": 7}, 9)])
def test_a_byte_takes_as_long_as_its_frame(frame, bits):  # R35: the UART is set so, and the node waits so long for it
    s = story(*[down(n, 8, 128) for n in range(4)], dtu={"baud": 1200, "gap_ms": 0, **frame}, run_s=30)
    assert {e["speed"] for e in said(s, "open")} == {1200 * 10 // bits}
    times = [e["t"] for e in said(s, "heard")]
    assert len(times) == 4
    for a, b in zip(times, times[1:]):
        assert 0 <= b - a - 128 * bits * 1000 // 1200 <= 20
