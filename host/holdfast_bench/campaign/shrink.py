"""Shrinks a scenario that breaks a law to the shortest that still breaks it: fewer steps, less time, plainer settings.

Pure but for `fails(scenario) -> bool`, which is handed in: delta debugging over the steps (Zeller and Hildebrandt 2002), then
one simplification after the other as long as any of them holds. Every candidate is a valid scenario.
"""

import time

from pydantic import ValidationError

from ..faults import catalogue
from ..scenario.schema import Scenario

TAIL_S = 5          # of trouble behind what broke the law
SPACES_S = (0.5, 2, 10, 30)   # pauses between steps that are tried, the shortest first
DURATIONS_S = (0.2, 1, 5, 20, 60)


class Shrinker:
    """fails(scenario): whether it still breaks the law. told(text): hears of progress. limit_s: of real time; runs: at most so many."""

    def __init__(self, fails, told=lambda text: None, limit_s=600, runs=1000):
        self._fails, self._told, self._runs = fails, told, runs
        self._until = time.monotonic() + limit_s
        self.tried = 0

    def shrink(self, scenario, broken_at_s=None):
        """The shortest scenario found. broken_at_s: when the law was broken, after the first message; None: at the end."""
        best = scenario
        if broken_at_s is not None:
            best = self._try(best, run_s=broken_at_s + TAIL_S, step=[s for s in best.step if s.at_s <= broken_at_s]) or best
        while True:
            before = best
            best = self._fewer_steps(best)
            best = self._plainer_steps(best)
            best = self._closer_steps(best)
            best = self._plainer_settings(best)
            if best == before or self._over():
                return best

    def _over(self):
        return self.tried >= self._runs or time.monotonic() > self._until

    def _try(self, scenario, **changes):
        """The changed scenario when it still fails, else None."""
        try:
            candidate = Scenario.model_validate({**scenario.model_dump(exclude_unset=True), **{k: _plain(v) for k, v in changes.items()}})
        except ValidationError:
            return None
        if candidate == scenario or self._over():
            return None
        self.tried += 1
        if not self._fails(candidate):
            return None
        self._told("%d steps, %.0f s, %d settings" % (len(candidate.step), _length_s(candidate), len(candidate.config) + len(candidate.world)))
        return candidate

    def _fewer_steps(self, best):
        pieces = 2
        while best.step:
            size = max(1, len(best.step) // pieces)
            for at in range(0, len(best.step), size):
                found = self._try(best, step=best.step[:at] + best.step[at + size:])
                if found:
                    best, pieces = found, max(2, pieces - 1)
                    break
            else:
                if size == 1:
                    return best
                pieces *= 2
        return best

    def _plainer_steps(self, best):
        """Without a moment, shorter, with the arguments that the fault has by itself."""
        for index in range(len(best.step)):
            for change in _plainer(best.step[index]):
                found = self._try(best, step=[change if i == index else s for i, s in enumerate(best.step)])
                best = found or best
        return best

    def _closer_steps(self, best):
        """The time before each step, and after the last one, as short as can be."""
        for index in range(len(best.step)):
            before = best.step[index - 1].at_s if index else 0
            for space_s in SPACES_S:
                gone = best.step[index].at_s - before - space_s
                if gone <= 0:
                    break
                moved = [s.model_copy(update={"at_s": round(s.at_s - gone, 3)}) if i >= index else s for i, s in enumerate(best.step)]
                found = self._try(best, step=moved, run_s=max(0, round(best.run_s - gone, 3)))
                if found:
                    best = found
                    break
        end = max((s.at_s + (s.for_s or 0) for s in best.step), default=0)
        for tail_s in (0, TAIL_S, 30, 120):
            if end + tail_s < best.run_s:
                found = self._try(best, run_s=round(end + tail_s, 3))
                if found:
                    return found
        return best

    def _plainer_settings(self, best):
        for name in ("config", "world"):
            for key in sorted(getattr(best, name)):
                if key != "app":
                    best = self._try(best, **{name: {k: v for k, v in getattr(best, name).items() if k != key}}) or best
        streams = best.config.get("app", {}).get("streams", [])
        for index in range(len(streams) - 1, -1, -1):
            if len(streams) > 1:
                found = self._try(best, config=_with_streams(best, streams[:index] + streams[index + 1:]))
                if found:
                    best, streams = found, found.config["app"]["streams"]
        for index, stream in enumerate(streams):
            for key, value in PLAIN_STREAM.items():
                if stream[key] != value:
                    made = [{**s, key: value} if i == index else s for i, s in enumerate(streams)]
                    found = self._try(best, config=_with_streams(best, made))
                    if found:
                        best, streams = found, made
                        stream = made[index]
        return best


PLAIN_STREAM = {"qos": 1, "cls": "normal", "urgent": False, "ttl_s": 0, "binary": False, "burst": 1, "period_ms": 1000, "low": 20, "high": 20}


def _with_streams(scenario, streams):
    return {**scenario.config, "app": {**scenario.config["app"], "streams": streams}}


def _plainer(step):
    if step.moment:
        yield step.model_copy(update={"moment": None, "nth": 1})
        if step.nth > 1:
            yield step.model_copy(update={"nth": 1})
    if step.for_s is not None:
        for shorter in DURATIONS_S:
            if shorter < step.for_s:
                yield step.model_copy(update={"for_s": shorter})
    fields = catalogue()[step.fault].Args.model_fields
    if any(key in step.model_extra for key in fields):
        yield type(step)(**{k: v for k, v in step.model_dump(exclude_unset=True).items() if k not in fields})


def _plain(value):
    """Steps as dicts again."""
    if isinstance(value, list):
        return [v.model_dump(exclude_none=True, exclude_defaults=True) if hasattr(v, "model_dump") else v for v in value]
    return value


def _length_s(scenario):
    return max(scenario.run_s, max((s.at_s for s in scenario.step), default=0))


def as_toml(scenario):
    """The scenario as the text of a file that `holdfast run` takes."""
    import tomli_w
    return tomli_w.dumps(_sorted(scenario.model_dump(exclude_defaults=True, exclude_none=True)))


_ORDER = ("title", "about", "shows", "places", "seed", "application", "run_s", "recover_s", "proofs", "deadline_s")


def _sorted(document):
    """Plain values first, in the order in which people ask; tables behind."""
    keys = sorted(document, key=lambda k: (isinstance(document[k], dict) or k == "step", _ORDER.index(k) if k in _ORDER else len(_ORDER)))
    return {k: document[k] for k in keys}
