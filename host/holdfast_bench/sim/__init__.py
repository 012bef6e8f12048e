"""The simulation: one MicroPython process that holds the world, the chip's fakes and the unmodified firmware, in virtual time.

runner.py (CPython) starts it and reads its history; inside/ (MicroPython) is what runs in it.
"""
