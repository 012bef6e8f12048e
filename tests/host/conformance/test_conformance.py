"""The fakes against the recordings of a real image: every line that differs fails, unless docs/twin.md lists it (R50)."""

from concurrent.futures import ThreadPoolExecutor

import known
import pytest
import runs
import transcript


SHORT = ("misc", "rtc")         # seconds rather than minutes of real time
# A machine under test is no chip: of times on a twin only the order of magnitude is compared.
TWIN_SLACK_MS, TWIN_SLACK = 600, 0.6


def check(probe, ran, place, *slack):
    divergences = transcript.compare(transcript.read(runs.recorded(probe)), transcript.read(ran), *slack)
    rows = [row for row in known.rows(place) if row.probe == probe]
    unlisted = [d for d in divergences if not any(row.covers(d) for row in rows)]
    assert not unlisted, "not as on the chip, and not in docs/twin.md:\n" + "\n".join(map(str, unlisted))
    return [row for row in rows if not any(row.covers(d) for d in divergences)]


@pytest.mark.parametrize("probe", runs.PROBES)
def test_the_simulation_answers_as_the_chip(probe):
    idle = check(probe, runs.on_sim(probe), "sim")
    assert not idle, "docs/twin.md lists what does not differ any more: %s" % [row.patterns for row in idle]


def on_twin(probe):
    check(probe, runs.on_twin(probe), "twin", TWIN_SLACK_MS, TWIN_SLACK)


@pytest.mark.parametrize("probe", SHORT)
def test_the_twin_answers_as_the_chip(probe):
    on_twin(probe)


@pytest.mark.soak
def test_soak_the_twin_answers_as_the_chip_to_every_probe():
    """All at once, each on a host of its own: as long as the longest, about five minutes."""
    with ThreadPoolExecutor(len(runs.PROBES)) as pool:
        for done in [pool.submit(on_twin, probe) for probe in runs.PROBES if probe not in SHORT]:
            done.result()


def test_every_row_of_the_list_belongs_to_a_probe():
    assert {row.probe for row in known.rows()} <= set(runs.PROBES)
    assert len(known.rows()) > 20
