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


def least(seconds):
    return seconds.min if isinstance(seconds, Range) else seconds


def most(seconds):
    return seconds.max if isinstance(seconds, Range) else seconds


class Expect(Strict):
    """Something that has to be seen in the history, by a deadline."""

    what: str  # for people: log, report, verdict
    event: dict[str, Any]  # the event's fields; a list means any of these; src may be "board", "chip", "broker"
    within_s: float = Field(gt=0)
    after: Optional[str] = None  # the id it follows, otherwise "ready"; inside a step: the step, or "end" for its end
    id: Optional[str] = None
    board: Optional[str] = None


class Publish(Strict):
    """A message from the broker's side to the board."""

    topic: str = Field(min_length=1, pattern=r"^[^+#]+$")  # below the board's prefix, such as "cmd/ping"
    payload: Union[str, dict[str, Any], list[Any]] = ""  # a table or list travels as JSON
    qos: int = Field(default=0, ge=0, le=2)
    retain: bool = False


class Update(Strict):
    """New firmware over the air: the firmware of the run under another version, in a bundle signed with the run's `update_key`, and served until it is over."""

    version: str = "9.0.0"
    broken: Optional[Literal["import", "hang", "reset", "deaf"]] = None  # it ends at import, hangs, resets at once, or runs well and never connects
    damage: Optional[Literal["signature", "content", "path"]] = None  # what is wrong with the bundle
    allow_downgrade: bool = False
    ballast: int = Field(default=0, ge=0, le=1_000_000)  # bytes of a further file
    limit_s: int = Field(default=120, ge=30, le=3600)  # of a start on trial without a message that gets through


class Setup(Strict):
    """Somebody with a phone sets the node up: joins the node's own access point, is led to its page, fills in the form of a node in this world."""

    key: Literal["right", "wrong"] = "right"  # of the Wi-Fi network
    password: Literal["right", "wrong"] = "right"  # at the broker
    broker: Literal["right", "missing"] = "right"  # its address


class Step(BaseModel):
    """One fault, command or message on the time line. Keys that are not listed here are arguments of the fault."""

    model_config = ConfigDict(extra="allow", frozen=True)

    fault: Optional[str] = None  # a name of the catalogue
    command: Optional[dict[str, Any]] = None  # instead of a fault: a console command to the board
    publish: Optional[Publish] = None  # instead of a fault: a message from the broker's side
    update: Optional[Update] = None  # instead of a fault: new firmware over the air
    setup: Optional[Setup] = None  # instead of a fault: the first set-up, with a phone; `blank` in `world`
    id: Optional[str] = None  # by which others refer to it; otherwise the fault's name
    at_s: Optional[Seconds] = None  # after "ready", inside another step after its beginning; or
    after: Optional[str] = None  # the id of a step (its beginning), of its end ("<id>.end") or of an expectation, and
    delay_s: Seconds = 0  # how long after that
    for_s: Optional[Seconds] = None  # the fault ends by itself after this; otherwise with the step around it, or when everything is healed
    every_s: Optional[Seconds] = None  # it happens again so long after its last beginning,
    times: int = Field(default=1, ge=1, le=10_000)  # so often in all; the second time its id is "<id>-2"
    board: Optional[str] = None  # "b1", "b2", …; otherwise every board
    step: list["Step"] = []  # [[step.step]]: what happens while this one lasts; healed with it at the latest
    expect: list[Expect] = []  # [[step.expect]]: what has to be seen each time
    moment: Optional[str] = None  # simulation only: the fault waits, from its time on, for this worst moment (sim/inside/moments.py)
    nth: int = Field(default=1, ge=1)  # and strikes when it comes for the nth time

    @model_validator(mode="after")
    def one_thing_at_one_time(self):
        if (self.fault is not None) + (self.command is not None) + (self.publish is not None) + (self.update is not None) + (self.setup is not None) != 1:
            raise ValueError("a step is either `fault = \"…\"`, `command = {…}`, `publish = {…}`, `update = {…}` or `setup = {…}`")
        if (self.at_s is None) == (self.after is None):
            raise ValueError("a step needs a time: either `at_s = …` (seconds after ready) or `after = \"<id>\"`")
        if self.at_s is not None and self.delay_s != 0:
            raise ValueError("`delay_s` belongs to `after`; with `at_s` there is nothing to delay")
        if self.fault is None and (self.model_extra or self.for_s is not None or self.step):
            raise ValueError("a command or message takes its arguments inside its {…} and has no `for_s` and no steps of its own")
        if (self.every_s is None) != (self.times == 1):
            raise ValueError("`every_s` and `times` belong together: every 20 s, 5 times")
        if self.every_s is not None and self.for_s is not None and least(self.every_s) <= most(self.for_s):
            raise ValueError("it would begin again (`every_s`) before it is over (`for_s`)")
        for inner in self.step:
            if inner.at_s is not None and self.for_s is not None and most(inner.at_s) >= least(self.for_s):
                raise ValueError("a step inside would begin (`at_s`) when this one is over (`for_s`)")
        return self


class Always(Strict):
    """A rule that holds all the time: one of `never`, `at_least_every_s`, `at_most`. For each board on its own."""

    what: str  # the rule in words: log, report, verdict
    event: dict[str, Any]  # which events it is about, as in an expectation
    never: bool = False  # there is none
    at_least_every_s: Optional[float] = Field(default=None, gt=0)  # there is one at least so often
    at_most: Optional[int] = Field(default=None, ge=1)  # there are at most so many,
    in_s: Optional[float] = Field(default=None, gt=0)  # in any stretch of so many seconds; otherwise in all
    after: str = READY  # from then on
    until: Optional[str] = None  # otherwise until everything is healed
    board: Optional[str] = None

    @model_validator(mode="after")
    def one_rule(self):
        if self.never + (self.at_least_every_s is not None) + (self.at_most is not None) != 1:
            raise ValueError("a rule is one of `never = true`, `at_least_every_s = …`, `at_most = …`")
        if self.in_s is not None and self.at_most is None:
            raise ValueError("`in_s` belongs to `at_most`")
        return self


class Ready(Strict):
    within_s: float = Field(default=45, gt=0)


class Guard(Strict):
    """Somebody at the broker side listens for silence, as the monitor does. Its alarms are events of the bench: `alarm`, `on`, `board`."""

    alarm_s: float = Field(default=5, ge=1)  # a board is missed at the latest so long after it was heard last
    steady_s: float = Field(default=10, ge=0)  # it has to be back for so long until all is clear


class Drain(Strict):
    within_s: float = Field(default=45, gt=0)


class Bound(Strict):
    """Limits on one number of the result."""

    min: Optional[int] = None
    max: Optional[int] = None


# What of `world` there is on twins too; the rest concerns the simulation only.
VIRTUAL_WORLD = ("brokers", "named", "ticks_start_ms", "networks", "lan", "modem", "blank", "serial")


class Scenario(Strict):
    title: str = Field(min_length=1)  # what it shows, in a sentence
    about: str = ""  # more, for whoever looks closer
    shows: list[Annotated[str, Field(pattern=r"^R\d{1,2}$")]] = []  # requirements
    places: list[Place] = ["sim", "twin", "hil"]
    boards: int = Field(default=1, ge=1, le=50)
    parameters: dict[str, Any] = {}  # name = default, or {default, min, max, about}; "$name" stands for it anywhere in the file
    deadline_s: float = Field(gt=0, le=10 * 86400)  # for the whole run, deploying excluded; nothing can hang
    config: dict[str, Any] = {}  # settings over those of firmware/config.example.json
    ready: Ready = Ready()
    step: list[Step] = []
    expect: list[Expect] = []
    always: list[Always] = []
    guard: Optional[Guard] = None
    drain: Drain = Drain()
    verdict: dict[str, Bound] = {}  # further bounds on the numbers of the result, such as watchdog_bites
    seed: Optional[int] = None  # what this scenario is run with unless told otherwise; one found by a campaign needs its own
    # No real board has these. On twins: brokers (how many), named (known by name only; "local": by mDNS), ticks_start_ms (of ticks_ms at power-on),
    # networks (2: a second access point, holdfast2), lan (a cable), modem (true, or an object with pin and apn; on UART 1),
    # blank (firmware, and no configuration yet), serial (a device at UART 1 that talks: period_ms, bytes of a packet).
    world: dict[str, Any] = {}  # in the simulation also: delay_ms (one way), loss (share), channel, rssi, drift_ppm, lease_s
    # What follows concerns the simulation only.
    application: Literal["stock", "streams"] = "stock"  # firmware/main.py, or streams of messages of every kind (campaign/app)
    run_s: float = Field(default=0, ge=0)  # the trouble lasts at least so long
    proofs: bool = True  # every fault has to show that it took effect
    recover_s: Optional[float] = None  # the node has to be useful again so long after everything is healed

    @model_validator(mode="after")
    def only_in_simulation(self):
        if self.world and "hil" in self.places:
            raise ValueError("`world` is made for virtual boards: places = [\"sim\", \"twin\"]")
        wanted = [k for k in ("run_s", "recover_s") if getattr(self, k)] + [s.moment for s in self.step if s.moment]
        wanted += [k for k in self.world if k not in VIRTUAL_WORLD]
        if (wanted or self.application != "stock" or not self.proofs) and self.places != ["sim"]:
            raise ValueError("%s, `application`, `moment` and the like work in the simulation only: places = [\"sim\"]"
                             % (", ".join("`%s`" % w for w in wanted) or "`proofs`"))
        return self
