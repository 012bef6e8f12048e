"""Boards: the data of /boards/*.toml (boardfile), and adapters for real boards (serial), twins and the simulation."""

from .boardfile import BoardFile, find, known  # noqa: F401
