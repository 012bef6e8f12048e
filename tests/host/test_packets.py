"""The packet link in user space: one board's real packets are delayed, lost, doubled and reordered, and pass when the link is gone (R49)."""

import packet_lab
import pytest

SCRIPT = """
import json, os, signal, socket, subprocess, sys, time
from packet_lab import *
from holdfast_bench.drivers import packet_queue, root
from holdfast_bench.drivers.packets import PacketAir, Packets
def tell(what, **fields): print(json.dumps({"what": what, **fields}), flush=True)
def chains(): return root.run("iptables", "-t", "mangle", "-S").count("-N HOLDFAST_")
COUNT = '''
import socket, sys
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
raw.settimeout(float(sys.argv[1]))
print("on", flush=True)
n = 0
try:
    while True:
        packet = raw.recv(2000)
        n += len(packet) > 20 + (packet[32] >> 4) * 4     # with payload, of any connection here
except OSError:
    print(n, flush=True)
'''
lab, echo = Lab(), Echo()
Echo(2000)
client = Client(lab)
tell("possible", why=Packets.missing(None))
air = PacketAir("b1", PORT, lambda: BOARD).start()
client.connect("a"); client.say("a"); client.connect("elsewhere", 2000)

def under(what, rule, settings, times=10, limit_s=60):
    own = air.add(rule, 7, **settings)
    took, said = [], []
    for _ in range(times):
        said.append(client.say("a", limit_s))
        took.append(client.took_ms)
    client.say("elsewhere")
    other_ms = client.took_ms
    how = air.evidence(own)
    air.remove(own)
    tell(what, said=sorted(set(said)), took=took, other_ms=other_ms, how=how)

under("slow_link", "slow_link", {"delay_ms": 600, "jitter_ms": 0}, 3)
under("loss", "loss", {"p": 0.3, "correlation": 0.25, "direction": "both"}, 12)
under("jittery_link", "jittery_link", {"profile": "bloat"}, 6)
under("reorder", "reorder", {"p": 0.5, "late_ms": 60}, 8)

counters = [subprocess.Popen([*prefix, sys.executable, "-c", COUNT, "2"], stdout=subprocess.PIPE, text=True) for prefix in ([], lab.inside)]
for counter in counters: counter.stdout.readline()
under("duplicates", "duplicates", {"p": 1.0}, 8)
tell("counted", by=[int(c.communicate(timeout=60)[0]) for c in counters])

own = air.add("connect_timeout", 7)
tell("connect_timeout", said=[client.connect("b", limit_s=0.7), client.say("a")], how=air.evidence(own))
air.remove(own)

own = air.add("slow_link", 7, delay_ms=30_000, jitter_ms=0)
link = air._process.pid
os.kill(link, signal.SIGKILL)
said = client.say("a", 60)
tell("link killed", said=said, took=client.took_ms, chains=chains())
air.close()

bench = subprocess.Popen([sys.executable, "-c", '''
import time
from packet_lab import *
from holdfast_bench.drivers.packets import PacketAir
air = PacketAir("b1", PORT, lambda: BOARD).start()
air.add("one_way", 1, direction="up")
print("on", flush=True)
time.sleep(600)
'''], stdout=subprocess.PIPE, text=True)
bench.stdout.readline()
cut = client.say("a", 0.7)
bench.kill(); bench.wait()
after = client.hear("a", 60)
until = time.monotonic() + 30
while chains() > 1 and time.monotonic() < until: time.sleep(0.2)
last = PacketAir("b1", PORT, lambda: BOARD).start()
tell("bench killed", cut=cut, after=after, chains=chains())
last.close()
client.close(); lab.close()
"""


@pytest.fixture(scope="module")
def seen():
    packet_lab.skip_without("packets.Packets")
    return {line.pop("what"): line for line in packet_lab.in_a_namespace(SCRIPT)}


def test_a_delay_holds_for_each_packet_of_this_port_and_no_other(seen):
    slow = seen["slow_link"]
    assert slow["said"] == ["echo"] and min(slow["took"]) >= 1200 and slow["other_ms"] < 1200 and slow["how"].endswith("frames delayed")


def test_lost_packets_are_sent_again_by_tcp(seen):
    loss = seen["loss"]
    assert loss["said"] == ["echo"] and max(loss["took"]) >= 200 and loss["how"].endswith("frames lost")


def test_delays_vary(seen):
    assert seen["jittery_link"]["said"] == ["echo"] and len(set(seen["jittery_link"]["took"])) > 1 and min(seen["jittery_link"]["took"]) >= 40


def test_late_packets_are_late(seen):
    assert seen["reorder"]["said"] == ["echo"] and max(seen["reorder"]["took"]) >= 60 and seen["reorder"]["how"].endswith("made late")


def test_doubled_packets_arrive_twice_on_both_sides(seen):
    assert seen["duplicates"]["said"] == ["echo"] and seen["duplicates"]["how"].endswith("doubled")
    at_the_broker, at_the_board = seen["counted"]["by"]
    elsewhere = 1       # the one packet to and from the other port is not touched
    assert at_the_broker >= 16 + elsewhere and at_the_board >= 16 + elsewhere


def test_connections_get_no_answer_and_those_that_stand_go_on(seen):
    assert seen["connect_timeout"]["said"] == ["TimeoutError", "echo"] and seen["connect_timeout"]["how"]


def test_packets_pass_when_the_link_dies(seen):
    assert seen["link killed"]["said"] == "echo" and seen["link killed"]["took"] < 30_000 and seen["link killed"]["chains"] == 1


def test_a_bench_that_is_killed_takes_its_fault_with_it_and_leaves_no_rules(seen):
    assert seen["bench killed"] == {"cut": "TimeoutError", "after": "echo", "chains": 1 + 1}  # the next bench's, and that of this test, whose process lives
