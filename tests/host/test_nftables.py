"""Faults by nftables between a board's address and the broker's port: real TCP sees each, the table's counters show it, and nothing of it stays (R49)."""

import packet_lab
import pytest

from holdfast_bench.drivers.nftables import Nftables
from holdfast_bench.errors import Cannot

SCRIPT = """
import json, os, signal, subprocess, sys, time
from packet_lab import *
from holdfast_bench.drivers import root
from holdfast_bench.drivers.nftables import NftAir, Nftables, sweep
def tell(what, **fields): print(json.dumps({"what": what, **fields}), flush=True)
def tables(): return root.run("nft", "list", "ruleset").count("table")
SHORT = 0.7
lab, echo = Lab(), Echo()
Echo(2000)
client = Client(lab)
tell("possible", why=Nftables.missing(None))
nft = Nftables("b1", PORT, lambda: BOARD).start()
air = NftAir(nft)
tell("nothing", said=[client.connect("a"), client.say("a")])

before = nft.evidence("blackhole")
nft.set_mode("blackhole")
lost = client.say("a", SHORT)
other = [client.connect("elsewhere", 2000), client.say("elsewhere")]
how = nft.evidence("blackhole")
nft.set_mode("pass")
tell("blackhole", before=before, said=lost, other=other, how=how, after=client.hear("a"), over=nft.evidence("blackhole"))

nft.set_mode("refuse")
said = [client.say("a"), client.connect("b")]
tell("refuse", said=said, how=nft.evidence("refuse"))
nft.set_mode("pass")

said = [client.connect("old")]
client.say("old")
nft.forget_flows()
said += [client.say("old", SHORT), client.connect("new"), client.say("new")]
tell("forgotten", said=said, how=nft.evidence("forgotten"))

n = nft.reset_flows()
said = [client.say("new"), client.connect("next"), client.say("next")]
tell("reset", n=n, said=said)

got = echo.got
rule = air.add("one_way", 1, direction="down")
said = client.say("next", SHORT)
how = air.evidence(rule)
air.remove(rule)
tell("one_way", said=said, arrived=echo.got - got, how=how, after=client.hear("next"))

rule = air.add("connect_timeout", 1)
tell("connect_timeout", said=[client.connect("c", limit_s=SHORT), client.say("next")], how=air.evidence(rule))
air.remove(rule)

rule = air.add("loss", 1, p=0.3, correlation=0, direction="both")
said = {client.say("next", 60) for _ in range(15)}
tell("loss", said=sorted(said), how=air.evidence(rule))
air.remove(rule)
nft.close()
tell("closed", tables=tables(), said=client.say("next"))

bench = subprocess.Popen([sys.executable, "-c", '''
import time
from packet_lab import *
from holdfast_bench.drivers.nftables import Nftables
nft = Nftables("b1", PORT, lambda: BOARD, alive_s=10).start()
nft.set_mode("blackhole")
print("on", flush=True)
time.sleep(600)
'''], stdout=subprocess.PIPE, text=True)
bench.stdout.readline()
time.sleep(11)
cut = client.say("next", SHORT)
bench.kill(); bench.wait()
after = client.hear("next", 60)
left = tables()
sweep()
tell("killed", cut=cut, after=after, left=left, swept=tables())
client.close(); lab.close()
"""


@pytest.fixture(scope="module")
def seen():
    packet_lab.skip_without("nftables.Nftables")
    return {line.pop("what"): line for line in packet_lab.in_a_namespace(SCRIPT)}


def test_a_table_without_a_fault_lets_everything_pass(seen):
    assert seen["possible"]["why"] is None and seen["nothing"]["said"] == ["connected", "echo"]


def test_a_blackhole_swallows_the_boards_packets_and_what_stood_goes_on_afterwards(seen):
    hole = seen["blackhole"]
    assert hole["before"] is None and hole["said"] == "TimeoutError" and hole["after"] == "echo" and hole["over"] is None
    assert hole["how"].endswith("packets dropped"), hole


def test_other_ports_of_the_machine_notice_nothing(seen):
    assert seen["blackhole"]["other"] == ["connected", "echo"]


def test_refusing_answers_every_connection_with_a_reset(seen):
    assert seen["refuse"]["said"] == ["ConnectionResetError", "ConnectionRefusedError"] and seen["refuse"]["how"].endswith("packets answered by RST")


def test_forgotten_connections_are_dead_without_a_sign_and_new_ones_work(seen):
    assert seen["forgotten"]["said"] == ["connected", "TimeoutError", "connected", "echo"] and "forgotten" in seen["forgotten"]["how"]


def test_resetting_hits_what_stands_once(seen):
    assert seen["reset"]["n"] >= 1 and seen["reset"]["said"] == ["ConnectionResetError", "connected", "echo"]


def test_one_way_loss_lets_the_board_be_heard_but_not_hear(seen):
    one_way = seen["one_way"]
    assert one_way["said"] == "TimeoutError" and one_way["arrived"] == 1 and one_way["after"] == "echo" and one_way["how"].endswith("packets dropped")


def test_connections_get_no_answer_and_those_that_stand_go_on(seen):
    assert seen["connect_timeout"]["said"] == ["TimeoutError", "echo"] and seen["connect_timeout"]["how"]


def test_lost_packets_are_sent_again_by_tcp(seen):
    assert seen["loss"]["said"] == ["echo"] and seen["loss"]["how"].endswith("packets dropped")


def test_nothing_stays_when_it_is_closed(seen):
    assert seen["closed"] == {"tables": 0, "said": "echo"}


def test_a_bench_that_is_killed_takes_its_fault_with_it_and_the_next_one_sweeps_up(seen):
    killed = seen["killed"]
    assert killed["cut"] == "TimeoutError" and killed["after"] == "echo" and killed["left"] == 1 and killed["swept"] == 0


def test_what_nft_cannot_do_is_refused_with_what_can():
    for fault, args, words in (("slow_link", {}, "packets"), ("loss", {"correlation": 0.25}, "correlation")):
        with pytest.raises(Cannot, match=words):
            Nftables("b1", 1883, lambda: None).add(fault, 1, **args)
