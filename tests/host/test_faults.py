"""The catalogue: every fault says what it is and how it is made; what cannot be made here is refused with the remedy. R44"""

import pytest

from holdfast_bench.errors import Cannot
from holdfast_bench.faults import catalogue
from holdfast_bench.faults.describe import describe
from holdfast_bench.rig import ABILITIES, Rig

# R44's list in the words of the catalogue.
R44 = {"transient drop": "deauth", "long outage": "ap_gone", "one-way loss": "one_way", "connect time-out": "connect_timeout", "correlated loss": "loss",
       "silent drop": "blackhole", "refused": "refused", "broker killed": "broker_killed", "DNS failure": "dns_dead", "wrong password": "wrong_password"}


@pytest.mark.parametrize("symptom", R44)
def test_what_r44_asks_for_is_in_the_catalogue(symptom):
    assert R44[symptom] in catalogue()


@pytest.mark.parametrize("d", describe(), ids=lambda d: d.name)
def test_every_fault_says_what_it_is_and_how_it_is_made(d):
    assert d.symptom.endswith(".")
    assert d.how["sim"] and d.how["twin"], "a fault works at least in the two places that need no hardware"
    assert set(d.needs) <= {*ABILITIES, "console", "broker", "hooks"}


@pytest.mark.parametrize("name", [n for n, f in catalogue().items() if f.needs != ("console",)])
def test_a_rig_without_the_ability_says_what_is_missing_and_what_to_do(name):
    with pytest.raises(Cannot, match=r"fault %s cannot be made .*(run it on|give the board file|use --broker|let the board file)" % name):
        Rig().check_fault(name, ["b1"])


def test_loss_is_r44s_by_default():
    assert catalogue()["loss"].Args().model_dump() == {"p": 0.5, "correlation": 0.25, "direction": "both", "way": None}
