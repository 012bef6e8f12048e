"""Twins taken for real boards whose packets cross a real cable to a real broker: `holdfast run` with board files, ports and drivers as with hardware (R49).

The boards live in a network namespace of their own, the bench in another; the veth between them is where nftables and the packet link work.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import packet_lab
import pytest

from holdfast_bench import checkout
from holdfast_bench.twin.host import KEY, SSID

LIMIT_S = 300

# In the board's network: twins whose `broker` is the bench's machine, reached by the cable. Their serial ports are files that both sides see.
TWINS = """
import sys
from pathlib import Path
from holdfast_bench.twin.serve import serve
serve(int(sys.argv[1]), print, {"broker": {1883: ("10.77.0.1", 1883)}}, Path(sys.argv[2]), on_ready=lambda host: print("ready", flush=True), fast_flash=True)
"""
# `holdfast` with board files of our own.
HOLDFAST = """
import sys
from pathlib import Path
from holdfast_bench import checkout
checkout.BOARDS = Path(sys.argv.pop(1))
from holdfast_bench.cli import main
main()
"""
LAB = """
import json, os, signal, subprocess, sys
from pathlib import Path
from packet_lab import *
folder, count, args = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
lab = Lab()
twins = lab.board([sys.executable, "-c", %r, count, str(folder / "twins")], stdout=subprocess.PIPE, text=True)
ports = []
for line in twins.stdout:
    ports += [word for word in line.split() if word.startswith(str(folder)) and not ports.count(word)]
    if line.strip() == "ready":
        break
args = [word.replace("PORT%%d" %% i, port) for word in args for i, port in [next(((i, p) for i, p in enumerate(ports, 1) if "PORT%%d" %% i in word), (0, ""))]]
done = subprocess.run([sys.executable, "-c", %r, str(folder / "boards"), *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
rules = subprocess.run(["sh", "-c", "%%s list tables" %% __import__("holdfast_bench.drivers.root", fromlist=["root"]).find("nft")], capture_output=True, text=True).stdout
print(json.dumps({"status": done.returncode, "said": done.stdout, "rules": rules.count("holdfast")}), flush=True)
twins.send_signal(signal.SIGTERM)
twins.wait(30)
lab.close()
""" % (TWINS, HOLDFAST)

AROUND = """
title = "What nftables and the packet link do to a real board's packets"
deadline_s = 170

[config.app]
period_ms = 300

[[step]]
at_s = 2
fault = "blackhole"
for_s = 5

[[step]]
at_s = 9
fault = "slow_link"
delay_ms = 150
jitter_ms = 50
for_s = 4

[[step]]
at_s = 15
fault = "half_open"

[[expect]]
what = "a new session"
after = "half_open"
within_s = 60
event = { src = "board", ev = "state", new = "online" }

[[step]]
at_s = 28
fault = "refused"
for_s = 3

[[step]]
at_s = 36
fault = "duplicates"
p = 0.5
for_s = 3
"""


@pytest.fixture
def bench(tmp_path):
    """run(scenario's text or name, count, table of the board file) → (what the command said, its document, rules that are left)."""
    packet_lab.skip_without("packets.Packets")

    def run(scenario, tables, count=1, *more):
        (tmp_path / "boards").mkdir()
        (tmp_path / "boards" / "mine.toml").write_text((checkout.BOARDS / "esp32-devkitc.toml").read_text().partition("\n[")[0] + '\n[broker]\ndriver = "builtin"\n' + tables)
        (tmp_path / "secrets.json").write_text(json.dumps({"wifi": [{"ssid": SSID, "key": KEY}], "brokers": [{"host": "broker", "port": 1883}]}))
        if "\n" in scenario:
            (tmp_path / "around.toml").write_text(scenario)
            scenario = str(tmp_path / "around.toml")
        ports = [word for i in range(count) for word in ("--port", "PORT%d" % (i + 1))]
        said = packet_lab.in_a_namespace(LAB, str(tmp_path), str(count), "run", scenario, "--board", "mine", *ports, "--secrets", str(tmp_path / "secrets.json"),
                                         "--json", str(tmp_path / "out.json"), "--seed", "1", *more, limit_s=LIMIT_S)[-1]
        document = json.loads((tmp_path / "out.json").read_text()) if (tmp_path / "out.json").exists() else None
        return said, document
    return run


def effects(document):
    """{fault: what showed that it took effect}."""
    return {e["id"]: e.get("how") or e.get("why") for e in document["events"] if e["ev"] == "effect"}


@pytest.mark.timeout(LIMIT_S + 40)
def test_a_real_boards_packets_are_broken_by_kernel_and_link_and_each_fault_shows(bench):
    said, document = bench(AROUND, '\n[network]\ndriver = "packets"\naddress = "%s"\n' % packet_lab.BOARD)
    assert said["status"] == 0 and document["verdict"] == "good" and document["lost"] == 0, said["said"][-3000:]
    told = effects(document)
    assert told["blackhole"].endswith("packets dropped") and "forgotten" in told["half_open"] and told["refused"].endswith("answered by RST")
    assert told["slow_link"].endswith("delayed") and told["duplicates"].endswith("doubled") and said["rules"] == 0


@pytest.mark.timeout(LIMIT_S + 40)
def test_three_boards_are_deployed_and_judged_in_one_scenario(bench):
    said, document = bench("standard_check", '\n[wifi]\ndriver = "device"\n', 3, "--set", "cut_s=10")
    assert said["status"] == 0 and document["verdict"] == "good" and document["lost"] == 0, said["said"][-3000:]
