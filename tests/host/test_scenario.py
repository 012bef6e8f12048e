"""Scenario files: every shipped one compiles; a wrong one is told by file, line and remedy; plans are a function of the seed."""

import json
import textwrap

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast_bench.errors import BenchError
from holdfast_bench.scenario import compile_plan, find, library, load
from holdfast_bench.scenario.schema import Scenario, Step
from holdfast_bench.world.timeline import fits

FIXED_NAMES = ["ap_outage", "blackhole", "half_open", "refused", "broker_restart", "watchdog_hang", "power_cut"]


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "case.toml"
        path.write_text(textwrap.dedent(text).lstrip())
        return path
    return write


def test_library_has_the_names_people_depend_on():
    names = [path.stem for path in library()]
    assert [n for n in FIXED_NAMES if n not in names] == []


@pytest.mark.parametrize("path", library(), ids=lambda p: p.stem)
def test_every_shipped_scenario_compiles_with_a_deadline_and_says_what_it_shows(path):
    scenario = load(path)
    plan = compile_plan(scenario, path.stem, seed=1)
    assert plan["deadline_ms"] > 0 and scenario.shows
    assert plan["actions"][0]["id"] == "ready"


HEAD = 'title = "x"\ndeadline_s = 60\n'


@pytest.mark.parametrize("text, line, words", [
    ("title = \n", 1, "not valid TOML"),
    ('deadline_s = 60\n', 1, "`title` is missing"),
    (HEAD + "dedline = 3\n", 3, "did you mean 'deadline_s'"),
    (HEAD + "[[step]]\nat_s = 1\nfault = \"ap_gone\"\n\n[[step]]\nat_s = 2\nfault = \"ap_gon\"\n", 9, "did you mean 'ap_gone'"),
    (HEAD + "[[step]]\nat_s = 1\nfault = \"watchdog_hang\"\nhow = \"sit\"\n", 6, "'await' or 'spin'"),
    (HEAD + "[[step]]\nat_s = 1\nfault = \"ap_gone\"\nforr_s = 3\n", 6, "unknown key `forr_s`"),
    (HEAD + "[[step]]\nfault = \"ap_gone\"\n", 3, "needs a time"),
    (HEAD + "[[step]]\nat_s = -1\nfault = \"ap_gone\"\n", 4, "greater than or equal to 0"),
    (HEAD + "[[step]]\nat_s = { min = 5, max = 1 }\nfault = \"ap_gone\"\n", 4, "max (1) is below min (5)"),
    (HEAD + "[[step]]\nat_s = 1\nfault = \"half_open\"\nfor_s = 3\n", 6, "takes no `for_s`"),
    (HEAD + "[[step]]\nat_s = 1\n", 3, "either `fault"),
    (HEAD + "[verdict]\nlosst = { max = 0 }\n", 4, "did you mean 'lost'"),
    (HEAD + "[[expect]]\nwhat = \"x\"\nevent = {}\n", 3, "`within_s` is missing"),
    (HEAD.replace("60", '"soon"'), 2, "`deadline_s`"),
])
def test_a_wrong_file_is_told_by_line_and_remedy(written, text, line, words):
    path = written(text)
    with pytest.raises(BenchError) as told:
        load(path)
    assert str(told.value).startswith("%s:%d: " % (path, line)), str(told.value)
    assert words in str(told.value)
    assert "\n" not in str(told.value)


def test_unknown_scenario_names_the_nearest():
    with pytest.raises(BenchError, match="did you mean 'ap_outage'"):
        find("ap_outtage")


def test_a_folder_means_every_scenario_in_it(written):
    path = written(HEAD)
    assert find(str(path.parent)) == [path]
    with pytest.raises(BenchError, match="no scenario file"):
        find("nowhere.toml")


@pytest.mark.parametrize("after, words", [("nothing", "which is no step"), ("x", "wait for each other")])
def test_anchors_have_to_lead_to_the_start(written, after, words):
    scenario = load(written(HEAD + '[[step]]\nid = "x"\nafter = "%s"\nfault = "ap_gone"\n' % after))
    with pytest.raises(BenchError, match=words):
        compile_plan(scenario, "case", 1)


def test_random_times_come_from_the_seed_one_stream_per_step(written):
    text = HEAD + '[[step]]\nid = "a"\nat_s = { min = 1, max = 100 }\nfault = "ap_gone"\nfor_s = { min = 1, max = 9 }\n'
    more = text + '[[step]]\nid = "b"\nat_s = { min = 1, max = 100 }\nfault = "blackhole"\n'

    def times(text, seed):
        return [a["delay_ms"] for a in compile_plan(load(written(text)), "case", seed)["actions"] if a["id"].startswith("a")]

    assert times(text, 1) == times(text, 1)
    assert times(text, 1) != times(text, 2)
    assert times(text, 1) == times(more, 1)  # one more step shifts nothing elsewhere


def test_repeated_faults_get_names_of_their_own(written):
    plan = compile_plan(load(written(HEAD + '[[step]]\nat_s = 1\nfault = "ap_gone"\nfor_s = 1\n' * 2)), "case", 1)
    assert [a["id"] for a in plan["actions"][1:]] == ["ap_gone", "ap_gone.end", "ap_gone-2", "ap_gone-2.end"]
    assert plan["actions"][4] == {"id": "ap_gone-2.end", "after": "ap_gone-2", "delay_ms": 1000, "do": "end", "of": "ap_gone-2"}


@pytest.mark.parametrize("pattern, event, expected", [
    ({"src": "board"}, {"src": "board/b1"}, True),
    ({"src": "board/b2"}, {"src": "board/b1"}, False),
    ({"src": "bo"}, {"src": "board/b1"}, False),
    ({"new": ["down", "backoff"]}, {"new": "backoff"}, True),
    ({"new": ["down", "backoff"]}, {"new": "online"}, False),
    ({"cause": 3}, {}, False),
    ({}, {"src": "x"}, True),
])
def test_patterns(pattern, event, expected):
    assert fits(pattern, event) is expected


# -- repeated, nested, parameters -----------------------------------------------------------------------------------------

def actions(plan):
    return {a["id"]: a for a in plan["actions"]}


def times(plan):
    """When each action happens at the earliest, in ms after ready."""
    after, at = actions(plan), {"ready": 0}
    for _ in after:
        at.update((a["id"], at[a["after"]] + a["delay_ms"]) for a in after.values() if a["after"] in at)
    return at


def test_a_step_repeats_from_beginning_to_beginning(written):
    plan = compile_plan(load(written(HEAD + '[[step]]\nat_s = 5\nfault = "ap_gone"\nfor_s = 2\nevery_s = 10\ntimes = 3\n')), "case", 1)
    at = times(plan)
    assert [at[i] for i in ("ap_gone", "ap_gone-2", "ap_gone-3")] == [5000, 15_000, 25_000]
    assert at["ap_gone-3.end"] == 27_000


def test_the_pause_between_repetitions_is_drawn_each_time(written):
    plan = compile_plan(load(written(HEAD + '[[step]]\nat_s = 5\nfault = "rst"\nevery_s = { min = 1, max = 100 }\ntimes = 4\n')), "case", 1)
    pauses = [a["delay_ms"] for a in plan["actions"][2:]]
    assert len(set(pauses)) == 3 and all(1000 <= p <= 100_000 for p in pauses)


NESTED = HEAD + """
[[step]]
id = "outage"
at_s = 5
fault = "ap_gone"
for_s = 30
every_s = 60
times = 2

[[step.step]]
id = "refuse"
at_s = 10
fault = "refused"

[[step.step]]
after = "refuse"
delay_s = 2
fault = "blackhole"
for_s = 100

[[step.expect]]
what = "noticed"
event = { src = "board", ev = "state" }
within_s = 9

[[step.expect]]
what = "back"
after = "end"
event = { src = "board", ev = "state", new = "online" }
within_s = 9
"""


def test_a_step_inside_another_begins_with_it_and_is_over_with_it_at_the_latest(written):
    plan = compile_plan(load(written(NESTED)), "case", 1)
    at, its = times(plan), actions(plan)
    assert (at["refuse"], at["refuse.end"]) == (15_000, 35_000)
    assert (at["blackhole"], at["blackhole.over"]) == (17_000, 35_000)
    assert its["blackhole.over"]["of"] == its["blackhole.end"]["of"] == "blackhole"
    # the second time it is the second one's, not the first one's
    assert (at["refuse-2"], at["blackhole-2"]) == (75_000, 77_000) and its["blackhole-2"]["after"] == "refuse-2"


def test_what_a_step_expects_is_expected_each_time(written):
    its = actions(compile_plan(load(written(NESTED)), "case", 1))
    assert [its[i]["after"] for i in ("noticed", "noticed-2", "back", "back-2")] == ["outage", "outage-2", "outage.end", "outage-2.end"]


PARAMETERS = HEAD + """
[parameters]
outage_s = { default = 30, min = 1, max = 600, about = "how long" }
fault = "ap_gone"

[[step]]
at_s = 5
fault = "$fault"
for_s = "$outage_s"

[[expect]]
what = "back after $outage_s s"
event = { src = "board", ev = "state" }
within_s = "$outage_s * 2 + 5"
"""


def test_parameters_stand_for_their_values_anywhere(written):
    its = actions(compile_plan(load(written(PARAMETERS), {"outage_s": 7, "fault": "blackhole"}), "case", 1))
    assert its["blackhole.end"]["delay_ms"] == 7000
    assert its["back after 7 s"]["within_ms"] == 19_000
    assert actions(compile_plan(load(written(PARAMETERS)), "case", 1))["ap_gone.end"]["delay_ms"] == 30_000


@pytest.mark.parametrize("text, given, line, words", [
    (PARAMETERS, {"outage": 7}, 4, "no parameter 'outage'; it has: fault, outage_s"),
    (PARAMETERS, {"outage_s": 1000}, 5, "at most 600"),
    (PARAMETERS, {"outage_s": "long"}, 5, "is a number, not 'long'"),
    (PARAMETERS.replace('for_s = "$outage_s"', 'for_s = "$outage"'), {}, 11, "`$outage` is not declared"),
    (PARAMETERS.replace("$outage_s * 2 + 5", "$outage_s ** 2"), {}, 16, "cannot be worked out"),
    (PARAMETERS.replace("default = 30, min", "dflt = 30, min"), {}, 5, "unknown key `dflt`"),
    (NESTED.replace("delay_s = 2", "delay_s = -2"), {}, 19, "greater than or equal to 0"),
    (NESTED.replace('"refused"', '"refusd"'), {}, 15, "did you mean 'refused'"),
    (NESTED.replace("at_s = 10", "at_s = 40"), {}, 4, "would begin (`at_s`) when this one is over"),
    (NESTED.replace("every_s = 60", "every_s = 20"), {}, 4, "begin again (`every_s`) before it is over"),
    (NESTED.replace("times = 2", ""), {}, 4, "belong together"),
    (HEAD + '[[always]]\nwhat = "x"\nevent = {}\n', {}, 3, "one of `never"),
    (HEAD + '[[always]]\nwhat = "x"\nevent = {}\nnever = true\nin_s = 3\n', {}, 3, "`in_s` belongs to `at_most`"),
    (HEAD + "[world]\nbrokers = 2\n", {}, 1, "made for virtual boards"),
])
def test_what_is_wrong_in_the_richer_parts_is_told_by_line_and_remedy(written, text, given, line, words):
    path = written(text)
    with pytest.raises(BenchError) as told:
        load(path, given)
    assert str(told.value).startswith("%s:%d: " % (path, line)), str(told.value)
    assert words in str(told.value)


def test_a_rule_that_refers_to_nothing_is_told(written):
    with pytest.raises(BenchError, match="refers to 'nowhere'"):
        compile_plan(load(written(HEAD + '[[always]]\nwhat = "x"\nevent = {}\nnever = true\nafter = "nowhere"\n')), "case", 1)


values = st.recursive(st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.text(max_size=8), st.sampled_from(["$x", "ap_gone", "end", "b1", "ready"])),
                      lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc_s", min_size=1, max_size=4), inner, max_size=3), max_leaves=6)
keys = st.sampled_from([*Scenario.model_fields, *Step.model_fields, "x"])


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(keys, values | st.lists(st.dictionaries(keys, values, max_size=5), max_size=3), max_size=6))
def test_whatever_stands_in_a_file_it_loads_or_is_told_in_one_line(tmp_path_factory, raw):
    text = "".join("%s = %s\n" % (k, inline(v)) for k, v in {"title": "x", "deadline_s": 60, **raw}.items())
    path = tmp_path_factory.mktemp("fuzz") / "case.toml"
    path.write_text(text, encoding="utf-8")
    try:
        compile_plan(load(path), "case", 1)
    except BenchError as e:
        assert "\n" not in str(e)


def inline(value):
    """A value as TOML has it in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ %s }" % ", ".join("%s = %s" % (json.dumps(k), inline(v)) for k, v in value.items())
    if isinstance(value, list):
        return "[%s]" % ", ".join(map(inline, value))
    if isinstance(value, int):
        return str(max(-2**62, min(value, 2**62)))
    return json.dumps(value).replace("Infinity", "inf") if not isinstance(value, str) else json.dumps(value.replace("\x7f", ""))
