"""Reports: one self-contained page a run (page), JUnit for CI (junit), and the fixed JSON. Pure functions of results."""

from .files import write_reports  # noqa: F401
