"""R31: before a power-down that is planned, what waits in RTC memory goes to flash, when asked: stop, sleep, reset, low battery. In the simulation."""

import pytest
from story import Story, fault

# In its first life it has 12 messages that it cannot get rid of, after 24 s, and does `%s`.
APP = """
import asyncio
import os
import holdfast

node = holdfast.Node("config.json")

async def main():
    if "done" not in os.listdir():
        open("done", "w").close()
        for n in range(1, 13):
            node.publish("sensor/n", "%%d" %% n)
            await asyncio.sleep(2)
        %s
    while True:
        await asyncio.sleep(1)

node.run(main())
"""
ASKED = {
    "stop": 'await node.stop(save=True)',
    "sleep": 'node.sleep(60000, save=True)',
    "update": 'node.reset("update", save=True)',
}


@pytest.mark.parametrize("trouble", ("ap_gone", "acks_lost"))  # nothing is on its way, or all of it
@pytest.mark.parametrize("how", ASKED)
def test_what_waits_outlives_the_power_cut_that_was_planned_for(how, trouble):
    s = Story(fault(trouble, 1, 50), fault("power_cut", 30, 5), run_s=100, app=APP % ASKED[how])
    assert sorted({int(p) for _, p in s.arrived("sensor/n")}) == list(range(1, 13))
    saved, = s.of("spool")
    assert saved["n"] >= 8 and s.at("power_cut") > saved["t"]


def test_without_being_asked_it_stays_in_rtc_memory_and_the_flash_is_spared():
    s = Story(fault("ap_gone", 1, 50), fault("power_cut", 30, 5), run_s=100, app=APP % "await node.stop()")
    assert not s.of("spool") and len(s.arrived("sensor/n")) < 12


@pytest.mark.parametrize("spool_at", (10, 50))
def test_a_loss_of_power_that_nobody_planned_costs_no_more_than_the_setting_says(spool_at):
    for cut_s in (61, 97, 133):
        s = Story(fault("ap_gone", 5, 160), fault("power_cut", cut_s, 5), run_s=220, config={"spool_at": spool_at})
        cut = s.at("power_cut")
        top = max([e["top"] for e in s.of("spool") if e["t"] < cut], default=0)
        safe = {(e["life"], e["n"]) for e in s.of("accept") if e["t"] < cut and e["i"] <= top}
        tail = [e for e in s.of("accept") if e["t"] < cut and e["i"] > top]
        arrived = {tuple(p.split()[0].split(":")) for _, p in s.arrived("sensor/temp")}
        assert len(safe) > 40 and {(life, str(n)) for life, n in safe} <= arrived
        # A record of the stock application takes 17 bytes and more; one more record may be on its way to flash.
        assert len(tail) <= (2048 - 240) * spool_at / 100 / 17 + 1, (cut_s, len(tail))
        assert s.lost == 0 and 0 < s.result.numbers["beyond_promise"] <= len(tail)
