"""The stock firmware in the stock world: what `--board sim` simulates."""

import json

from .. import checkout
from ..deploy import bundle
from . import runner

WIFI = {"ssid": "holdfast", "key": "holdfast-key"}
BROKER = {"ip": "10.73.0.2", "port": 1883, "name": "broker.test", "user": "node", "password": "node-password"}


def stock_spec(plan, firmware=None, seed=None, **world):
    """The Spec of a plan for the firmware in `firmware` (None: the checkout's): one access point, one broker with a login."""
    if len(plan["boards"]) != 1:
        raise runner.SimulationError("this scenario needs %d boards at once; so far that works on twins only" % len(plan["boards"]))
    folder = firmware or checkout.FIRMWARE
    secrets = {"wifi": [WIFI], "brokers": [{"host": BROKER["ip"], "port": BROKER["port"], "user": BROKER["user"], "password": BROKER["password"]}]}
    config = bundle.make_config(secrets, {"verbose": True, **plan.get("config", {})}, example=folder / "config.example.json")
    return runner.Spec(plan=plan, config=json.loads(config), firmware=folder, wifi=WIFI, brokers=[BROKER],
                       seed=plan["seed"] if seed is None else seed, board=plan["boards"][0], world=world)


def run(plan, firmware=None, folder=None):
    """Carry out a plan; returns the events of its history. Raises BenchError."""
    return runner.run(stock_spec(plan, firmware), folder).events()
