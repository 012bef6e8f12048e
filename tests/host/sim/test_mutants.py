"""The bench finds what is broken: of every firmware that was broken on purpose the campaign says so, by the law that is broken. R46"""

import pytest
from sim_mutants import HOURS, MUTANTS, SEEDS, Mutant, Outdated, caught_by, plant, search


OTHERS = 10


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_campaign_catches_the_mutant_in_its_seed(mutant, tmp_path):
    # A firmware that is written differently may live another story in that seed: then one of the first has to do.
    seeds = [mutant.seed, *range(OTHERS)]
    assert search(mutant, seeds, tmp_path) is not None, "none of seeds %s has noticed it" % seeds


@pytest.mark.parametrize("seed", sorted({m.seed for m in MUTANTS}))
def test_unbroken_firmware_is_good_in_the_same_seeds(seed):
    assert caught_by(None, seed) == (set(), [])


def test_there_are_enough_mutants_and_all_seeds_are_within_the_stated_number():
    assert len(MUTANTS) >= 15 and len({m.name for m in MUTANTS}) == len(MUTANTS)
    assert all(0 <= m.seed < SEEDS for m in MUTANTS)


def test_mutation_whose_text_is_gone_is_an_error(tmp_path):
    with pytest.raises(Outdated, match="0 times"):
        plant(Mutant("old", 0, "ring.py", "text that no ring ever had", "", ()), tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_search_finds_every_mutant(mutant, tmp_path):
    """From seed 0 on, as a campaign goes: prints the first, which is what the table above is made of."""
    found = search(mutant, range(mutant.seed + 1), tmp_path, HOURS)
    print("%s: seed %s" % (mutant.name, found))
    assert found is not None
