"""What a seed means: a configuration, a world and a schedule of trouble, drawn as a scenario that could have been written by hand.

Pure: (seed, hours) -> Drawn. One stream of chance per subject, so that more faults change no configuration.
"""

import random
from dataclasses import dataclass

from ..checks.still import SAFE_S
from ..scenario.schema import Drain, Ready, Scenario, Step
from . import schedule

NAME = "seed-%d"
RATE_MAX = 6            # messages a second of all streams: what is told of each has to get through the console, even when verbose
READY_S = 120           # for the first message


@dataclass(frozen=True)
class Drawn:
    """A seed's scenario, and how quickly the node has to be useful again when everything is healed."""

    seed: int
    scenario: Scenario

    @property
    def name(self):
        return NAME % self.seed


def draw(seed, hours):
    """The Drawn of a seed. hours: how long the trouble lasts."""
    world = _world(_stream(seed, "world"))
    config = _config(_stream(seed, "config"), world["named"])
    _slow_down(config["app"]["streams"], config["window"] / (_rtt_s(world) * (8 if "loss" in world else 4)))
    run_s = round(hours * 3600)
    steps = schedule.steps(_stream(seed, "schedule"), run_s, config, world)
    # Of a stream of its own, so that the other seeds mean what they meant before there was more than one path.
    steps = _ways(_stream(seed, "ways"), config, world, steps, run_s)
    recover_s = recovery_s(config, world, steps, run_s)
    return Drawn(seed, Scenario(
        title="What seed %d draws for %g h" % (seed, hours), places=["sim"], application="streams", seed=seed, run_s=run_s, proofs=False,
        deadline_s=run_s + READY_S + 60 + SAFE_S + 2 * recover_s + _backlog_s(config, world), config=config, world=world, step=[Step(**s) for s in steps],
        ready=Ready(within_s=READY_S), drain=Drain(within_s=recover_s + _backlog_s(config, world)), recover_s=recover_s))


def _stream(seed, name):
    return random.Random("campaign:%d:%s" % (seed, name))


def _world(rng):
    world = {"delay_ms": rng.choice((1, 5, 5, 15, 40, 100, 250)), "drift_ppm": rng.choice((0, 0, -50, 50, 300)),
             "channel": rng.randint(1, 13), "rssi": rng.randint(-88, -40), "lease_s": rng.choice((300, 3600, 7200, 86400))}
    if rng.random() < 0.3:
        world["ticks_start_ms"] = (1 << 30) - rng.randint(1, 600_000)
    if rng.random() < 0.25:
        world["loss"] = rng.choice((0.001, 0.01, 0.03))
    world["brokers"] = rng.choice((1, 1, 1, 2, 3))
    world["named"] = rng.random() < 0.4     # the node knows its brokers by name, and needs DNS
    return world


def _config(rng, named):
    config = {
        "verbose": rng.random() < 0.8, "window": rng.choice((1, 4, 8, 16, 16, 16, 32)), "envelope": rng.choice(("json", "json", "none")),
        "policy": rng.choice(("decorrelated", "decorrelated", "decorrelated", "exponential", "gentle", "fixed")),
        "jitter": rng.choice(("equal", "equal", "full", "half", "ten", "additive", "none")),
        "keepalive_s": rng.choice((10, 30, 30, 60)), "ping_s": rng.choice((3, 8, 8, 20)), "suspect_ms": rng.choice((600, 1500, 1500, 4000)),
        "cap_ms": rng.choice((5000, 10000, 10000, 30000, 60000)), "quick_ms": rng.choice((0, 10_000, 60_000, 60_000, 60_000)),
        "reset_after_s": rng.choice((0, 120, 300, 1800, 1800)), "lease_s": rng.choice((0, 300, 3600, 3600)),
        "rtc_bytes": rng.choice((512, 1024, 2048, 2048, 2048)), "open_ms": rng.choice((5000, 30000)), "barred_ms": rng.choice((10_000, 60_000, 900_000)),
        "watchdog_s": rng.choice((25, 30, 60) if named else (10, 30, 30)), "wifi_pm": rng.choice((0, 0, 1)),
        "spool_kb": rng.choice((0, 0, 16, 64, 256)),
        "app": {"streams": [_kind(rng, i) for i in range(rng.choice((1, 1, 2, 3)))]},
    }
    for kind in config["app"]["streams"][1:]:
        kind["burst"] = min(kind["burst"], 3)
    _slow_down(config["app"]["streams"], RATE_MAX)
    if config["rtc_bytes"] == 512:      # a message takes a quarter of the memory at most
        for kind in config["app"]["streams"]:
            kind["low"], kind["high"] = min(kind["low"], 50), min(kind["high"], 60)
    if rng.random() < 0.3:
        config["classes"] = [{"name": "normal", "overflow": rng.choice(("drop_oldest", "drop_newest")), "ttl_s": rng.choice((0, 0, 30, 600))},
                             {"name": "keep", "overflow": "drop_newest"}]
    return config


def _ways(rng, config, world, steps, run_s):
    """In one seed of four more than one way: several Wi-Fi networks, a cable, a second connection kept open to a backup broker. Returns the
    steps, with what befalls those."""
    if rng.random() >= 0.25:
        return steps
    if world["brokers"] > 1 and rng.random() < 0.5:
        config["standby_s"] = rng.choice((20, 120, 600))
    kind = rng.choice(("none", "networks", "lan", "lan", "both"))
    if kind == "none" and "standby_s" in config:
        return steps
    order = ["wifi"]
    if kind in ("networks", "both", "none"):
        world["networks"] = 2
    if kind in ("lan", "both"):
        world["lan"] = True
        order = rng.choice((["lan", "wifi"], ["lan", "wifi"], ["wifi", "lan"]))
    config["paths"] = {"order": order, "return_s": rng.choice((5, 20, 60))}
    if "lan" in order:
        config["paths"]["lan"] = {"phy": "LAN8720", "addr": 1, "mdc": 23, "mdio": 18, "power": 12}
    return schedule.with_ways(rng, steps, run_s, world)


def _slow_down(streams, most_per_s):
    """No more messages than get through: of QoS 2 each takes two round trips, and a backlog has to get through beside them."""
    while _per_s(streams) > most_per_s:
        busiest = max(streams, key=lambda kind: kind["burst"] / kind["period_ms"])
        busiest["burst"] = 1 if busiest["burst"] > 1 else busiest["burst"]
        busiest["period_ms"] *= 2


def _rtt_s(world):
    return (2 * world["delay_ms"] + 20) / 1000


def _per_s(streams):
    return sum(kind["burst"] * 1000 / kind["period_ms"] for kind in streams)


def _kind(rng, i):
    """One stream of messages; a ttl_s of -1 is its class's."""
    low = rng.choice((1, 20, 20, 60))
    return {"topic": "s%d/%s" % (i, rng.choice(("t", "sensor", "a/b/c"))), "qos": rng.choice((0, 1, 1, 1, 1, 2, 2)),
            "cls": rng.choice(("normal", "normal", "keep")), "urgent": rng.random() < 0.15, "ttl_s": rng.choice((-1, -1, -1, 20, 300)),
            "period_ms": rng.choice((500, 1000, 1000, 1000, 5000, 30_000)), "burst": rng.choice((1, 1, 1, 1, 3, 10)),
            "low": low, "high": low + rng.choice((0, 0, 10, 100)), "binary": rng.random() < 0.15}


def recovery_s(config, world, steps, run_s):
    """How long the node may take to be useful again once everything is healed: the longest wait that its settings allow, one
    more try of every kind, and a start of the chip."""
    wait_s = max(config["cap_ms"], config["open_ms"]) / 1000 * 1.5 + 1
    if any(step.get("fault") == "login_refused" for step in steps):
        wait_s = max(wait_s, config["barred_ms"] / 1000)
    join_s, dial_s, boot_s = 8 + 20, 6 * max(1, world["delay_ms"] * 8 / 1000), 5
    ways = 1 + (world.get("networks", 1) - 1) + world.get("lan", False)
    return round(2 * (wait_s + (join_s + dial_s) * ways) + boot_s + (25 if world["named"] else 0))


def _backlog_s(config, world):
    """How long full memories take to drain, window by window: some 150 messages in RTC memory, 20 in each KB of flash."""
    return round((150 + 20 * config["spool_kb"]) * _rtt_s(world) * 2 / config["window"] * (4 if "loss" in world else 1)) + 75
