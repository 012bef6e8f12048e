"""What an application, a receiver and an operator see of a node: handlers, errors, metrics, log, pings, stopping. In the simulation."""

import json

from story import Story, command, fault, publish

APP = """
import asyncio
import holdfast

node = holdfast.Node("config.json")
%s

async def main():
    n = 0
    while True:
        n += 1
        node.publish("sensor/n", "%%d" %% n)
        await asyncio.sleep(1)

node.run(main())
"""


def test_metrics_are_reported_every_five_minutes_and_never_kept_for_later():  # R38
    s = Story(fault("ap_gone", 340, 60), run_s=1050)
    reports = [(t, json.loads(p)) for t, p in s.arrived("metrics")]
    assert len(reports) == 4
    assert 60_000 < reports[0][0] < 65_000 and 400_000 < reports[1][0] < 420_000  # not while away, soon after
    first, later = reports[0][1], reports[-1][1]
    assert first["connects"] == 1 and first["tries"] == 1 and first["outages"] == 1 and first["outage_ms"] < 5000  # to the first session
    assert later["connects"] >= 2 and later["outages"] == 2 and 55_000 < later["outage_ms"] * 2 < 75_000
    assert later["accepted"] > 950 and later["dropped"] == 0 and 0 <= later["rtt_ms"] < 200 and -90 < later["rssi"] < -20 and later["free"] > 10_000


def test_receivers_ping_is_answered_with_its_own_bytes():  # R14
    s = Story(publish("ping", 10, "cmd/ping", '{"type":"ping","timestamp":1234567890123}', qos=0), run_s=20)
    (at, answer), = s.arrived("pong")
    assert answer == '{"type":"pong","timestamp":1234567890123}' and at - s.at("ping") < 200


def test_node_asks_its_receiver_and_notices_that_nobody_answers():  # R14: 30 s, 60 s
    s = Story(run_s=200, config={"app_ping_s": 30, "app_ping_limit_s": 60})
    pings = s.arrived("ping")
    assert 5 <= len(pings) <= 8 and json.loads(pings[0][1])["type"] == "ping"
    gone, = s.of("receiver")
    assert gone["there"] is False and 60_000 < gone["t"] - pings[0][0] < 95_000
    assert s.lost == 0 and not s.of("err")  # the broker is well: nothing else is to be done


def test_receiver_that_answers_is_there_with_its_round_trip():  # R14
    app = APP % """
@node.on_event
def heard(name, fields):
    if name == "receiver":
        node.publish("seen", "%s %s" % (fields["there"], fields["rtt_ms"]))
"""
    # The stand-in for a receiver: what the node sends on ping comes back to it by hand.
    s = Story(run_s=40, app=app, config={"app_ping_s": 10})
    sent = [(t - s.of("state", new="online")[0]["t"], p) for t, p in s.arrived("ping")]
    answers = [publish("pong%d" % i, 0, "cmd/pong", p.replace("ping", "pong"), qos=0) for i, (_, p) in enumerate(sent[:2])]
    ready = [e["t"] for e in s.of("expect", id="ready")][0]
    for (step,), (at, _) in zip(answers, s.arrived("ping")):
        step["delay_ms"] = at - ready + 30
    s = Story(*answers, run_s=40, app=app, config={"app_ping_s": 10})
    assert s.arrived("seen") and s.arrived("seen")[0][1].startswith("True ")


def test_reset_over_the_broker_happens_once_and_a_retained_one_never():  # protocol: Reset
    s = Story(publish("reset", 20, "cmd/reset", '{"id": 7, "kind": "hard"}'), publish("old", 60, "cmd/reset", '{"id": 8}', retain=True), fault("rst", 70), run_s=120)
    assert [e["cause"] for e in s.of("boot")] == [1, 2, 2]  # power-on, asked for, asked for live with retain set
    assert [json.loads(p) for _, p in s.arrived("reply")] == [{"id": 7, "ok": True}, {"id": 8, "ok": True}]
    assert s.lost == 0


def test_reset_of_an_unknown_kind_is_refused_with_the_reason():
    s = Story(publish("reset", 20, "cmd/reset", '{"id": 7, "kind": "brick"}'), publish("junk", 25, "cmd/reset", "not json"), run_s=40)
    (_, answer), (_, junk) = s.arrived("reply")
    assert json.loads(answer) == {"id": 7, "ok": False, "why": "kind 'brick': hard or soft"}
    assert json.loads(junk) == {"id": None, "ok": False, "why": "not a JSON object"}
    assert len(s.of("boot")) == 1 and not s.of("err", code="app")


def test_handlers_by_pattern_at_run_time_and_restored_after_the_broker_forgot():  # R18, R15
    app = APP % """
@node.on("cmd/+/led")
def led(topic, payload):
    node.publish("did", topic + " " + payload.decode())
    if topic == "cmd/a/led":
        @node.on("late/#", qos=2)
        def late(topic, payload):
            node.publish("did", "late " + topic)

@node.on("cmd/slow")
async def slow(topic, payload):
    await asyncio.sleep(2)
    node.publish("did", "slow")
"""
    s = Story(publish("a", 10, "cmd/a/led", "on"), publish("slow", 11, "cmd/slow"), publish("late", 15, "late/x/y"), fault("broker_forgets_session", 20),
              publish("b", 30, "cmd/b/led", "off"), publish("later", 31, "late/z"), run_s=45, app=app)
    assert [p for _, p in s.arrived("did")] == ["cmd/a/led on", "slow", "late late/x/y", "cmd/b/led off", "late late/z"]


def test_errors_of_the_application_are_reported_and_the_rest_goes_on():  # bad input: application errors
    app = APP % """
@node.on("cmd/bad")
def bad(topic, payload):
    raise RuntimeError("handler")

@node.on("cmd/bad")
def good(topic, payload):
    node.publish("did", "good")

@node.on("cmd/worse")
async def worse(topic, payload):
    1 // 0

@node.on_event
def heard(name, fields):
    if name == "link":
        raise KeyError("listener")

async def doomed():
    await asyncio.sleep(5)
    raise OSError(5)

async def start():
    asyncio.create_task(doomed())

node.on("cmd/start")(lambda topic, payload: start())
"""
    s = Story(publish("bad", 10, "cmd/bad"), publish("worse", 12, "cmd/worse"), publish("start", 14, "cmd/start"), run_s=30, app=app)
    texts = [e["msg"] for e in s.of("err", code="app")]
    assert [t.split("(")[0] for t in texts] == ["KeyError", "RuntimeError", "ZeroDivisionError", "OSError"]
    assert all("line" in e["trace"] for e in s.of("err", code="app"))
    assert [p for _, p in s.arrived("did")] == ["good"]
    assert len(s.arrived("sensor/n")) >= 28


def test_handlers_that_do_not_end_fill_no_memory():  # bad input: floods
    app = APP % """
@node.on("cmd/slow")
async def slow(topic, payload):
    await asyncio.sleep(30)
    node.publish("did", payload)
"""
    steps = [publish("p%d" % i, 10 + i / 100, "cmd/slow", "%d" % i) for i in range(40)]
    s = Story(*steps, publish("later", 50, "cmd/slow", "later"), run_s=100, app=app)
    assert [p for _, p in s.arrived("did")] == ["%d" % i for i in range(16)] + ["later"]
    refused = s.of("err", code="unusable")
    assert len(refused) == 24 and refused[0]["msg"] == "16 handlers still run" and s.lost == 0


def test_more_handlers_than_one_message_may_be_for_are_refused_at_once():
    app = """
import asyncio
import holdfast
node = holdfast.Node("config.json")

async def slow(topic, payload):
    await asyncio.sleep(1)
    node.publish("did", payload)

def refused(pattern, qos=1):
    try:
        node.on(pattern, qos)(slow)
    except ValueError as e:
        node.publish("refused", str(e))

for i in range(15):
    node.on("order/+")(slow)
node.on("order/#")(slow)
node.on("other/+")(slow)
refused("+/one")
refused("order")
refused("order/one/two")
refused("elsewhere/#", 3)
for i in range(20):
    node.on("many/%d" % i)(slow)
node.on("many/#")(slow)
node.on("other/#")(slow)
node.run()
"""
    s = Story(publish("first", 20, "order/one", "x"), run_s=60, app=app)
    told = [p for _, p in s.arrived("refused")]
    assert len(told) == 2 and told[0].startswith("topic pattern '+/one': there are 16 handlers for such messages") and told[1] == "qos 3: 0, 1 or 2"
    assert len(s.arrived("did")) == 16 and not s.of("err")


def test_application_that_ends_leaves_a_node_that_goes_on():
    app = """
import holdfast
node = holdfast.Node("config.json")

async def main():
    node.publish("sensor/n", "1")
    raise RuntimeError("over")

node.run(main())
"""
    s = Story(publish("ping", 10, "cmd/ping", "ping", qos=0), run_s=100, app=app)
    assert s.of("err", code="app")[0]["msg"].startswith("RuntimeError") and s.arrived("pong") and len(s.of("boot")) == 1


def test_watched_task_that_ends_is_missed_at_once_and_the_watchdog_ends_it_all():  # R10: dead tasks noticed
    app = """
import asyncio, holdfast
node = holdfast.Node("config.json")

async def watched():
    beat = node.watch("work", 3600000)
    await asyncio.sleep(10)
    raise RuntimeError("gone")

async def main():
    asyncio.create_task(watched())
    node.publish("sensor/n", "1")

node.run(main())
"""
    s = Story(run_s=100, app=app, config={"watchdog_s": 20})
    died = s.of("err", code="app")[0]["t"]
    starved = s.of("starve", task="work")[0]
    assert starved["t"] - died < 6000 and starved["late_ms"] is None and s.of("err", code="starved")[0]["sev"] == "FATAL"
    assert [e["cause"] for e in s.of("boot")][:2] == [1, 3]
    assert 10_000 < s.of("bite")[0]["t"] - died < 27_000


def test_log_goes_out_as_messages_with_level_service_and_trace():  # R37
    app = APP % """
@node.on("cmd/say")
def say(topic, payload):
    node.log("WARN", "valve stuck", valve=3)
    node.log("INFO", "not worth it")
"""
    s = Story(publish("say", 10, "cmd/say"), fault("refused", 20, 10), run_s=60, app=app, config={"log": "WARN", "envelope": "json"})
    lines = [json.loads(p) for _, p in s.arrived("log")]
    said = [line for line in lines if line["ev"] == "log"]
    assert [(line["lvl"], line["svc"], line["msg"], line["valve"]) for line in said] == [("WARN", "app", "valve stuck", 3)]
    assert any(line["ev"] == "err" and line["code"] == "refused" and line["svc"] == "link" for line in lines)
    assert len(lines) < 30


def test_log_of_a_flood_is_cut_short_and_says_so():  # R37
    app = APP % """
@node.on("cmd/flood")
def flood(topic, payload):
    for i in range(200):
        node.log("ERROR", "line %d" % i)
"""
    s = Story(publish("flood", 10, "cmd/flood"), publish("again", 80, "cmd/flood"), run_s=100, app=app, config={"log": "ERROR"})
    lines = [json.loads(p) for _, p in s.arrived("log")]
    assert len(lines) <= 42 and sum(line.get("left_out", 0) for line in lines) >= 180 and s.of("drop") == []


def test_dropped_message_is_traced_by_its_number():  # R37
    s = Story(fault("ap_gone", 20, 300), run_s=400, config={"log": "ERROR", "app": {"period_ms": 500}, "spool_kb": 0})
    lines = [json.loads(p) for _, p in s.arrived("log")]
    drops = [line for line in lines if line["ev"] == "drop"]
    assert drops and all(line["tr"] == "b1:%d:%d" % (s.of("boot")[0]["epoch"], line["i"]) for line in drops)


def test_stopping_is_in_order_and_nothing_is_taken_any_more():  # R11
    app = """
import asyncio, holdfast
node = holdfast.Node("config.json")

async def main():
    for i in range(30):
        node.publish("sensor/n", "%d" % i)
        await asyncio.sleep_ms(100)
    for i in range(30, 45):
        node.publish("sensor/n", "%d" % i)
    stop = asyncio.create_task(node.stop())
    await asyncio.sleep_ms(0)
    try:
        node.publish("sensor/n", "too late")
    except ValueError as e:
        print("refused:", e)
    await stop
    print("stopped with", node.queued, "waiting, state", node.state)

node.run(main())
"""
    s = Story(run_s=60, app=app)
    texts = [e["text"] for e in s.of("text")]
    assert texts == ["refused: the node has been stopped", "stopped with 0 waiting, state down"]
    assert [int(p) for _, p in s.arrived("sensor/n")] == list(range(45))
    status = s.arrived("status")
    assert [p for _, p in status] == ["online", "offline"] and status[-1][0] >= s.arrived("sensor/n")[-1][0] - 100
    assert s.of("disconnect")[0]["why"] == "disconnect"  # in good order: no last will


def test_stop_does_not_wait_for_ever():  # R11: bounded
    app = """
import asyncio, holdfast
from time import ticks_diff, ticks_ms
node = holdfast.Node("config.json")

@node.on("cmd/stop")
async def stop(topic, payload):
    began = ticks_ms()
    await node.stop()
    print("took", ticks_diff(ticks_ms(), began))

async def main():
    while not node.stopping:
        node.publish("sensor/n", "1")
        await asyncio.sleep(1)

node.run(main())
"""
    s = Story(publish("stop", 20, "cmd/stop"), fault("acks_lost", 15, 200), run_s=60, app=app, config={"stop_ms": 4000})
    took, = [int(e["text"].split()[1]) for e in s.of("text")]
    assert 3900 <= took <= 4200


def test_bad_publish_says_what_is_wrong_and_stores_nothing():  # bad input
    app = """
import holdfast
node = holdfast.Node("config.json")
BAD = (("a/+", "x", {}), ("", "x", {}), ("a", "x" * 513, {}), ("a", "x", {"qos": 3}), ("a", "x", {"qos": None}), ("a", "x", {"cls": "none"}), ("a", None, {}),
       ("a", 21.5, {}), (None, "x", {}), ("a", "x", {"ttl_s": -1}), ("a", "x", {"ttl_s": "long"}), ("a" * 151, "x", {}), ("a\\0b", "x", {}))
for topic, payload, named in BAD:
    try:
        node.publish(topic, payload, **named)
        print("taken", topic, named)
    except ValueError as e:
        print("no:", str(e)[:40])
print("waiting", node.queued, node.publish("sensor/n", "1"))
node.run()
"""
    s = Story(run_s=20, app=app)
    texts = [e["text"] for e in s.of("text")]
    assert len(texts) == 14 and all(t.startswith("no: ") for t in texts[:-1]), texts
    assert texts[-1] == "waiting 0 1"


def test_bad_configuration_is_refused_at_start_with_field_and_range():  # bad input
    s = Story(run_s=5, config={"window": 1000})
    assert ["config.json: window: 1000 is not a whole number from 1 to 256"] == [e["text"] for e in s.of("text")]
    assert s.of("boot") == []
