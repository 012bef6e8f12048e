"""What campaigns have found and was mended stays mended: each as the shortest scenario that showed it. R44"""

import pytest

from holdfast_bench.checks import judge
from holdfast_bench.scenario import compile_plan, library, load, regressions
from holdfast_bench.sim import run


@pytest.mark.parametrize("path", regressions(), ids=lambda path: path.stem)
def test_what_was_mended_stays_mended(path):
    scenario = load(path)
    plan = compile_plan(scenario, path.stem, scenario.seed)
    result = judge(run(plan), plan, "sim")
    assert result.verdict == "good", result.findings


@pytest.mark.parametrize("path", regressions(), ids=lambda path: path.stem)
def test_each_says_in_its_file_what_was_wrong_and_has_a_name_of_its_own(path):
    assert path.read_text().startswith("#") and "was wrong" in path.read_text().split("title =")[0]
    assert load(path).seed is not None
    assert path.stem not in [p.stem for p in library()]
