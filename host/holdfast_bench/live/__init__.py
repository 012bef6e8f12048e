"""The live view of a run in the terminal: a panel where there is a terminal, plain lines where there is none."""

from .view import watching  # noqa: F401
