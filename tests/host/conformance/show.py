"""`python show.py [--twin] PROBE …`: the lines in which a probe's run differs from the recording; listed ones are marked."""

import sys

import known
import runs
import transcript


def main(argv):
    place = "twin" if "--twin" in argv else "sim"
    for probe in [a for a in argv if not a.startswith("-")] or runs.PROBES:
        ran = runs.on_twin(probe) if place == "twin" else runs.on_sim(probe)
        rows = [row for row in known.rows(place) if row.probe == probe]
        found = transcript.compare(transcript.read(runs.recorded(probe)), transcript.read(ran))
        for divergence in found:
            mark = " " if any(row.covers(divergence) for row in rows) else "!"
            print("%s %s" % (mark, divergence))
        print("%s: %d lines differ of %d" % (probe, len(found), len(transcript.read(runs.recorded(probe)))))


main(sys.argv[1:])
