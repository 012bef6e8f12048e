"""A host of twins for the tests of a file, and boards that are thrown away after each test."""

import contextlib

import pytest
from twin_line import Heard, Line

from holdfast_bench.twin import TwinHost


@pytest.fixture(scope="module")
def heard():
    return Heard()


@pytest.fixture(scope="module")
def host(heard):
    with TwinHost(heard) as h:
        yield h


@pytest.fixture
def board(host, heard):
    """A board that runs MicroPython, thrown away afterwards."""
    heard.clear()
    b = host.add_board(fast_flash=True)
    b.power_on()
    b.wait_running()
    yield b
    host.remove_board(b)


@pytest.fixture
def line(board):
    with contextlib.closing(Line(board.port)) as one:
        yield one
