"""The ready-made dashboard and alert rules name metrics that exist, and Prometheus' own tool accepts them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from waiting import until
from test_web import TOKEN, ask

from holdfast_bench import monitor as package

FOLDER = Path(package.__file__).parent
PROMTOOL = shutil.which("promtool")


def expressions():
    dashboard = json.loads((FOLDER / "grafana" / "holdfast.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for group in yaml.safe_load((FOLDER / "prometheus" / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def test_every_metric_that_is_shown_or_watched_exists(monitors, nodes, monkeypatch):
    monkeypatch.setenv("HOLDFAST_MONITOR_TOKEN", TOKEN)
    monitor = monitors(listen="127.0.0.1:0")
    until(lambda: monitor.link.connected)
    nodes("hf-1").publish("x")
    until(lambda: monitor.collector.counters.stored == 1)
    known = set(re.findall(r"^# TYPE (\w+)", ask(monitor, "/metrics")[2], re.M))
    for title, expression in expressions():
        for name in re.findall(r"holdfast_\w+", expression):
            assert re.sub(r"_bucket$", "", name) in known or re.sub(r"_total$", "", name) in known, (title, name)


def test_the_dashboard_is_whole():
    dashboard = json.loads((FOLDER / "grafana" / "holdfast.json").read_text())
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)) >= 15
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24 and panel["targets"]


@pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed")
def test_promtool_accepts_the_rules():
    for arguments in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([PROMTOOL, *arguments], cwd=FOLDER / "prometheus", capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
