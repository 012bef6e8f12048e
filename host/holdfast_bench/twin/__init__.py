"""Twins: virtual ESP32 boards in real time, with serial ports that real tools use, in front of real brokers.

TwinHost owns an event loop in a thread of its own and any number of VirtualBoards; its methods may be called from any
thread. docs/twin.md describes what is modelled and what is not.
"""

from .host import TwinHost  # noqa: F401
