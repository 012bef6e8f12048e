"""The stock firmware in the stock world: what `--board sim` simulates."""

import json
from pathlib import Path

from .. import checkout
from ..deploy import bundle
from ..update import releases
from . import runner

STREAMS = Path(__file__).resolve().parents[1] / "campaign" / "app" / "main.py"
WIFI = {"ssid": "holdfast", "key": "holdfast-key"}
FRAMES_PORT, WS_PORT = 7180, 80
BROKER = {"ip": "10.73.0.2", "port": 1883, "name": "broker.test", "user": "node", "password": "node-password"}


def stock_spec(plan, firmware=None, seed=None, **world):
    """The Spec of a plan for the firmware in `firmware` (None: the checkout's): one access point, one broker with a login."""
    world = {**plan.get("world", {}), **world}
    if len(plan["boards"]) != 1:
        raise runner.SimulationError("this scenario needs %d boards at once; so far that works on twins only" % len(plan["boards"]))
    folder = firmware or checkout.FIRMWARE
    settings = {"id": plan["boards"][0], "verbose": True, **plan.get("config", {})}
    wifi = {**WIFI, **{key: world.pop(key) for key in ("channel", "rssi") if key in world}}
    brokers = [_broker(n) for n in range(world.pop("brokers", 1))]
    for broker, entry in zip(brokers, settings.get("brokers", [])):
        if entry.get("protocol") == "frames":
            broker["frames_port"] = entry.get("port", FRAMES_PORT)
        if entry.get("transport") == "ws":
            broker["ws_port"] = entry.get("port", WS_PORT)
    named = world.pop("named", False)
    networks = [WIFI] + [{"ssid": WIFI["ssid"] + "2", "key": WIFI["key"] + "2"}] * (world.get("networks", 1) - 1)
    secrets = {"wifi": networks, "brokers": [{"host": b["name"] + (".local" if named == "local" else "") if named else b["ip"], "port": b["port"], "user": b["user"], "password": b["password"]}
                                           for b in brokers]}
    config = json.loads(bundle.make_config(secrets, settings, example=folder / "config.example.json"))
    world["prefix"] = "%s/%s/" % (config.get("base", "holdfast"), config["id"])
    updates = [action for action in plan.get("actions", ()) if action["do"] == "update" and plan["boards"][0] in action["boards"]]
    bundles = {action["id"]: releases.bundle(action["update"], config.get("update_key"), firmware) for action in updates}
    return runner.Spec(bundles=bundles, plan=plan, config=config, firmware=folder, wifi=wifi, brokers=brokers,
                       seed=plan["seed"] if seed is None else seed, board=plan["boards"][0], world=world,
                       main=STREAMS if plan.get("application") == "streams" else None)


def _broker(n):
    """The nth broker (from 0) of the stock world."""
    return {**BROKER, "ip": "10.73.0.%d" % (2 + n), "name": "broker%s.test" % (n + 1 if n else "")}


def run(plan, firmware=None, folder=None):
    """Carry out a plan; returns the events of its history. Raises BenchError."""
    return runner.run(stock_spec(plan, firmware), folder).events()
