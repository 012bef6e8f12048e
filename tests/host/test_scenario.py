"""Scenario files: every shipped one compiles; a wrong one is told by file, line and remedy; plans are a function of the seed."""

import textwrap

import pytest

from holdfast_bench.errors import BenchError
from holdfast_bench.scenario import compile_plan, find, library, load
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
