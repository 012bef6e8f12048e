"""The fakes against the recordings of a real image: every line that differs fails, unless docs/twin.md lists it (R50)."""

import known
import pytest
import runs
import transcript


def check(probe, ran, place):
    divergences = transcript.compare(transcript.read(runs.recorded(probe)), transcript.read(ran))
    rows = [row for row in known.rows(place) if row.probe == probe]
    unlisted = [d for d in divergences if not any(row.covers(d) for row in rows)]
    assert not unlisted, "not as on the chip, and not in docs/twin.md:\n" + "\n".join(map(str, unlisted))
    return [row for row in rows if not any(row.covers(d) for d in divergences)]


@pytest.mark.parametrize("probe", runs.PROBES)
def test_the_simulation_answers_as_the_chip(probe):
    idle = check(probe, runs.on_sim(probe), "sim")
    assert not idle, "docs/twin.md lists what does not differ any more: %s" % [row.patterns for row in idle]


def test_every_row_of_the_list_belongs_to_a_probe():
    assert {row.probe for row in known.rows()} <= set(runs.PROBES)
    assert len(known.rows()) > 20
