"""The result of a run: the numbers in fixed JSON names, the verdict, and the findings that led to it."""

from dataclasses import dataclass, field

GOOD, BAD, UNKNOWN = "good", "bad", "unknown"

# Numbers of the result that a scenario may bound. None stands for "did not happen in this run".
NUMBERS = ("accepted", "delivered", "lost", "beyond_promise", "duplicates", "reported_dropped", "recovery_ms", "detect_ms",
           "stall_ms_max", "watchdog_bites", "resets", "reconnects")
# Those of battery nodes alone (energy.py); left out of other results.
ENERGY = ("wakes", "uploads", "awake_ms_per_wake", "awake_ms_per_upload", "radio_ms_per_upload")


@dataclass(frozen=True)
class Finding:
    """One law's answer that is not simply "good": which law, what it saw, when, and which messages."""

    law: str
    verdict: str  # BAD or UNKNOWN
    text: str
    t: int | None = None  # ms since the run began
    ids: tuple = ()
    going_on: str = ""  # at that moment


@dataclass
class Result:
    scenario: str
    board: str
    seed: int
    verdict: str
    numbers: dict
    lost_ids: list
    findings: list = field(default_factory=list)
    events: list = field(default_factory=list)
    skipped: str = ""  # why it could not run here, when it did not

    def as_json(self):
        """The JSON of a run: names fixed by the design, `findings` and `title`-less; `events` is the whole history."""
        return {"scenario": self.scenario, "board": self.board, "seed": self.seed, "verdict": self.verdict,
                **{k: self.numbers.get(k) for k in NUMBERS[:3]}, "lost_ids": self.lost_ids,
                **{k: self.numbers.get(k) for k in NUMBERS[3:]}, **{k: self.numbers[k] for k in ENERGY if k in self.numbers},
                "findings": [{"law": f.law, "verdict": f.verdict, "text": f.text, "t": f.t, "ids": list(f.ids), "going_on": f.going_on} for f in self.findings],
                **({"skipped": self.skipped} if self.skipped else {}),
                "events": self.events}


def merge(verdicts):
    """Bad beats unknown beats good."""
    verdicts = list(verdicts)
    return BAD if BAD in verdicts else UNKNOWN if UNKNOWN in verdicts else GOOD


def exit_status(verdicts):
    """0 every verdict good, 1 one is bad, 2 one is unknown (and none bad)."""
    return {GOOD: 0, BAD: 1, UNKNOWN: 2}[merge(verdicts)]


def skipped(scenario, board, seed, why):
    """The result of a run that did not take place."""
    return Result(scenario, board, seed, UNKNOWN, {}, [], [Finding("run", UNKNOWN, "could not run here: %s" % why)], skipped=why)


def failed_to_run(scenario, board, seed, why):
    """The result of a run that something stood in the way of; that is no skip."""
    return Result(scenario, board, seed, UNKNOWN, {}, [], [Finding("run", UNKNOWN, why)])
