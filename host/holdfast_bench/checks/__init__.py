"""Verdicts: pure functions over a history. One law per file; `verdict.judge` runs them all and merges.

Nothing in this folder does I/O, knows a clock, a board or a broker: what is not in the history does not count.
"""

from .verdict import judge  # noqa: F401
