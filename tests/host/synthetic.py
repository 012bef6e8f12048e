"""A history of the main job, made up: for tests of the report and the live view, which must not need a board."""

import random

PLAN = {
    "scenario": "main_job", "seed": 7, "title": "Wi-Fi away, watchdog bite in the middle, broker restart: not one message is lost",
    "boards": ["b1"], "deadline_ms": 180_000, "expected_ms": 60_000, "sample_ms": 200, "bounds": {"watchdog_bites": {"min": 1, "max": 1}},
    "actions": [
        {"id": "outage", "do": "fault", "boards": ["b1"], "momentary": False, "resets": False},
        {"id": "hang", "do": "fault", "boards": ["b1"], "momentary": True, "resets": True},
        {"id": "restart", "do": "fault", "boards": ["b1"], "momentary": False, "resets": False},
    ],
}


def main_job(lose=()):
    """Events of the run; the messages named in `lose` ("a1:17") never arrive."""
    rng, events = random.Random(7), []

    def add(t, src, ev, **fields):
        events.append({"t": int(t), "src": src, "ev": ev, **fields})

    def state(t, old, new, why):
        add(t, "board/b1", "state", old=old, new=new, why=why)

    add(0, "bench", "start", boards=["b1"], seed=7)
    add(40, "chip/b1", "reset", cause="power")
    add(60, "board/b1", "text", text="rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)")
    add(420, "board/b1", "boot", id="node", ver="0.1", cause=1, boots=1, epoch=1, queued=0, life="a1")
    state(450, "down", "dialing", "start")
    state(2300, "dialing", "online", "connack")
    add(2400, "bench", "expect", id="ready", ok=True, what="the first message", within_ms=45000)
    add(7400, "bench", "fault", id="outage", fault="ap_gone", boards=["b1"])
    add(7500, "bench", "effect", id="outage", ok=True, how="the access point does not answer")
    state(10_100, "online", "suspect", "ping_late")
    state(12_300, "suspect", "backoff", "link_lost")
    add(12_300, "bench", "expect", id="noticed", ok=True, what="the node notices that it is cut off", within_ms=8000)
    for i, t in enumerate((14_000, 17_500, 31_000, 34_600)):
        state(t, "backoff", "dialing", "due")
        state(t + 900, "dialing", "backoff", "no_ap")
    add(15_400, "bench", "fault", id="hang", fault="watchdog_hang", boards=["b1"])
    add(15_420, "bench", "effect", id="hang", ok=True, how="the board has confirmed that task 'sample' hangs (spin)")
    events[:] = [e for e in events if not (e["src"] == "board/b1" and 15_400 < e["t"] < 24_000)]
    add(23_500, "board/b1", "text", text="E (23113) task_wdt: Task watchdog got triggered. The following tasks/users did not reset the watchdog in time:")
    add(23_500, "chip/b1", "bite")
    add(23_600, "chip/b1", "reset", cause="wdt")
    add(24_000, "board/b1", "boot", id="node", ver="0.1", cause=3, boots=2, epoch=1, queued=39, life="b2")
    add(23_500, "bench", "expect", id="bite", ok=True, what="the watchdog bites", within_ms=20000)
    state(24_050, "down", "dialing", "path_up")
    state(24_060, "dialing", "backoff", "wait")
    add(37_400, "bench", "end", id="outage.end", of="outage")
    state(38_000, "backoff", "dialing", "due")
    state(39_300, "dialing", "online", "connack")
    add(39_300, "bench", "expect", id="back", ok=True, what="the node is online again", within_ms=30000)
    add(44_300, "bench", "fault", id="restart", fault="broker_stopped", boards=["b1"])
    state(44_340, "online", "backoff", "closed")
    add(49_300, "bench", "end", id="restart.end", of="restart")
    state(50_200, "backoff", "dialing", "due")
    state(50_260, "dialing", "online", "connack")
    online = [(2300, 7400), (39_300, 44_300), (50_260, 60_000)]
    i, before = 0, 0
    for life, begin, end in (("a1", 450, 15_400), ("b2", 24_050, 57_000)):
        for n, t in enumerate(range(begin, end, 200), 1):
            i += 1
            add(t, "board/b1", "accept", life=life, n=n, i=i, ticks=t)
            up = next((max(t, since) for since, until in online if t < until), None)
            arrives = up + (12 if up == t else 40 + rng.randrange(160))
            arrives = before = max(arrives, before + 1)  # in the order of handing over
            if "%s:%d" % (life, n) not in lose:
                add(arrives, "broker", "recv", topic="holdfast/node/sensor/n", payload="%s:%d 21.5" % (life, n), qos=1, retain=False, dup=False, board="b1")
                add(arrives - 8, "board/b1", "sent", i=i, dup=0, ticks=arrives - 8)
                add(arrives + 15, "board/b1", "ack", i=i, ticks=arrives + 15)
    for t in (3000, 6000, 40_500, 43_500):
        add(t, "broker", "recv", topic="holdfast/node/metrics", payload='{"i":9001,"b":1,"t":null,"p":"{\\"rssi\\":-6%d}"}' % (t % 7), qos=1, retain=False,
            dup=False, board="b1")
    add(55_500, "bench", "cut")
    add(55_900, "bench", "drained", ok=not lose, within_ms=30000, took_ms=400, missing="%d messages" % len(lose) if lose else "")
    return sorted(events, key=lambda e: e["t"])
