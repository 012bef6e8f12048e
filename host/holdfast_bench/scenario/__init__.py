"""Scenarios: TOML files → checked (schema, load) → flat time line (plan) → carried out (executor, or the simulation)."""

from .load import find, library, load, parameters_of, regressions  # noqa: F401
from .plan import compile_plan  # noqa: F401
