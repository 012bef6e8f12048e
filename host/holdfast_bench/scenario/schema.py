"""What a scenario file may say: the schema, with the meaning and unit of every key.

Knows the names of faults (from the catalogue) and nothing of files, boards or time lines. Trouble, then heal and
drain, then verdict: steps and expectations are the trouble; [drain] and [verdict] follow in every scenario.
"""

from typing import Annotated, Any, Literal, Optional, Union

from pydantic import BaseModel, ConfigDict, Field, model_validator

Place = Literal["sim", "twin", "hil"]
READY = "ready"  # the anchor of the time line: the first message of every board has reached the broker side


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Range(Strict):
    """A value drawn from the seed, uniformly between `min` and `max`."""

    min: float = Field(ge=0)
    max: float

    @model_validator(mode="after")
    def ordered(self):
        if self.max < self.min:
            raise ValueError("max (%g) is below min (%g)" % (self.max, self.min))
        return self


Seconds = Union[Annotated[float, Field(ge=0)], Range]


class Step(BaseModel):
    """One fault or command on the time line. Keys that are not listed here are arguments of the fault."""

    model_config = ConfigDict(extra="allow", frozen=True)

    fault: Optional[str] = None  # a name of the catalogue
    command: Optional[dict[str, Any]] = None  # instead of a fault: a console command to the board
    id: Optional[str] = None  # by which others refer to it; otherwise the fault's name
    at_s: Optional[Seconds] = None  # after "ready"; or
    after: Optional[str] = None  # the id of a step (its beginning), of its end ("<id>.end") or of an expectation, and
    delay_s: Seconds = 0  # how long after that
    for_s: Optional[Seconds] = None  # the fault ends by itself after this; otherwise when everything is healed
    board: Optional[str] = None  # "b1", "b2", …; otherwise every board
    moment: Optional[str] = None  # simulation only: the fault waits, from its time on, for this worst moment (sim/inside/moments.py)
    nth: int = Field(default=1, ge=1)  # and strikes when it comes for the nth time

    @model_validator(mode="after")
    def one_thing_at_one_time(self):
        if (self.fault is None) == (self.command is None):
            raise ValueError("a step is either `fault = \"…\"` or `command = {…}`")
        if (self.at_s is None) == (self.after is None):
            raise ValueError("a step needs a time: either `at_s = …` (seconds after ready) or `after = \"<id>\"`")
        if self.at_s is not None and self.delay_s != 0:
            raise ValueError("`delay_s` belongs to `after`; with `at_s` there is nothing to delay")
        if self.command is not None and (self.model_extra or self.for_s is not None):
            raise ValueError("a command takes its arguments inside `command = {…}` and has no `for_s`")
        return self


class Expect(Strict):
    """Something that has to be seen in the history, by a deadline."""

    what: str  # for people: log, report, verdict
    event: dict[str, Any]  # the event's fields; a list means any of these; src may be "board", "chip", "broker"
    within_s: float = Field(gt=0)
    after: str = READY
    id: Optional[str] = None
    board: Optional[str] = None


class Ready(Strict):
    within_s: float = Field(default=45, gt=0)


class Drain(Strict):
    within_s: float = Field(default=45, gt=0)


class Bound(Strict):
    """Limits on one number of the result."""

    min: Optional[int] = None
    max: Optional[int] = None


class Scenario(Strict):
    title: str = Field(min_length=1)  # what it shows, in a sentence
    about: str = ""  # more, for whoever looks closer
    shows: list[Annotated[str, Field(pattern=r"^R\d{1,2}$")]] = []  # requirements
    places: list[Place] = ["sim", "twin", "hil"]
    boards: int = Field(default=1, ge=1, le=50)
    deadline_s: float = Field(gt=0, le=10 * 86400)  # for the whole run, deploying excluded; nothing can hang
    config: dict[str, Any] = {}  # settings over those of firmware/config.example.json
    ready: Ready = Ready()
    step: list[Step] = []
    expect: list[Expect] = []
    drain: Drain = Drain()
    seed: Optional[int] = None  # what this scenario is run with unless told otherwise; one found by a campaign needs its own
    # What follows concerns the simulation only.
    world: dict[str, Any] = {}  # delay_ms (one way), loss (share), channel, rssi, ticks_start_ms, drift_ppm, lease_s, brokers (how many)
    application: Literal["stock", "streams"] = "stock"  # firmware/main.py, or streams of messages of every kind (campaign/app)
    run_s: float = Field(default=0, ge=0)  # the trouble lasts at least so long
    proofs: bool = True  # every fault has to show that it took effect
    recover_s: Optional[float] = None  # the node has to be useful again so long after everything is healed
    verdict: dict[str, Bound] = {}  # further bounds on the numbers of the result, such as watchdog_bites

    @model_validator(mode="after")
    def only_in_simulation(self):
        wanted = [k for k in ("world", "run_s", "recover_s") if getattr(self, k)] + [s.moment for s in self.step if s.moment]
        if (wanted or self.application != "stock" or not self.proofs) and self.places != ["sim"]:
            raise ValueError("`world`, `application`, `moment` and the like work in the simulation only: places = [\"sim\"]")
        return self
