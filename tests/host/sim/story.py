"""A short run of the stock firmware in the simulation: faults at given seconds after the first message; its events, and questions to them."""

import json
import tempfile
from pathlib import Path

from holdfast_bench.checks import judge
from holdfast_bench.sim import stock_spec
from holdfast_bench.sim.runner import run

READY = {"id": "ready", "after": "start", "delay_ms": 0, "do": "expect", "what": "the first message", "within_ms": 60_000, "boards": ["b1"],
         "event": {"src": "broker", "ev": "recv"}}


def fault(name, at_s, for_s=None, **args):
    """The actions of a fault; without for_s it is a momentary one."""
    actions = [{"id": name, "after": "ready", "delay_ms": round(at_s * 1000), "do": "fault", "fault": name, "args": args, "momentary": for_s is None,
                "resets": False, "boards": ["b1"]}]
    if for_s is not None:
        actions.append({"id": name + ".end", "after": name, "delay_ms": round(for_s * 1000), "do": "end", "of": name, "boards": ["b1"]})
    return actions


def command(own_id, at_s, **fields):
    return [{"id": own_id, "after": "ready", "delay_ms": round(at_s * 1000), "do": "command", "command": fields, "resets": fields["cmd"] == "reset",
             "boards": ["b1"]}]


def publish(own_id, at_s, topic, payload="", qos=1, retain=False):
    """The broker sends the node a message, on a topic below its prefix."""
    return [{"id": own_id, "after": "ready", "delay_ms": round(at_s * 1000), "do": "publish", "topic": topic, "payload": payload, "qos": qos, "retain": retain,
             "boards": ["b1"]}]


class Story:
    """What happened. app: source of another application than the stock one. lost: messages the verdict counts as lost."""

    def __init__(self, *steps, run_s=60, seed=1, config=None, app=None, spec=lambda spec: None, drain_s=120, **world):
        actions = [READY] + [action for step in steps for action in step]
        config = {"app": {"period_ms": 1000}, **(config or {})}
        plan = {"scenario": "story", "seed": seed, "boards": ["b1"], "config": config, "run_ms": run_s * 1000, "deadline_ms": run_s * 1000 + 300_000,
                "drain_ms": drain_s * 1000, "actions": actions, "bounds": {}, "sample_ms": config["app"].get("period_ms")}
        made = stock_spec(plan, **world)
        spec(made)
        with tempfile.TemporaryDirectory() as folder:
            if app:
                made.main = Path(folder) / "app.py"
                made.main.write_text(app)
            self.events = run(made, limit_s=60).events()
        self.result = judge(self.events, plan, "sim")
        self.lost = self.result.numbers["lost"]

    def of(self, ev, **fields):
        """Events named ev whose fields fit, in order."""
        return [e for e in self.events if e["ev"] == ev and all(e.get(k) == v for k, v in fields.items())]

    def at(self, step):
        """When a step of the bench took place, in ms."""
        return next(e["t"] for e in self.events if e["src"] == "bench" and e.get("id") == step and e["ev"] in ("fault", "end", "command", "publish"))

    def after(self, step, ev, **fields):
        """The first such event after a step, None when there is none."""
        return next((e for e in self.of(ev, **fields) if e["t"] >= self.at(step)), None)

    def arrived(self, below):
        """(ms, payload as the application gave it) of what came in on a topic that ends so; of an envelope the content."""
        found = []
        for e in self.of("recv"):
            if e["topic"].endswith("/" + below):
                try:
                    found.append((e["t"], json.loads(e["payload"]).get("p", e["payload"])))
                except ValueError:
                    found.append((e["t"], e["payload"]))
        return found

    def states(self, since=0, until=1 << 40):
        return [e["new"] for e in self.of("state") if since <= e["t"] < until]
