"""The one model of the world around a board, shared by twin and simulation: common subset of CPython and MicroPython."""
