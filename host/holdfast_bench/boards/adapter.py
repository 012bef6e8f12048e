"""What the bench asks of a board, wherever it is: open/close, events into the history, commands with answers.

Abilities beyond that (power, Wi-Fi, network) are drivers, because with real boards other devices have them.
"""

from typing import Protocol


class Board(Protocol):
    name: str  # in the history: board/<name>, chip/<name>
    port: str  # what tools (mpremote, esptool) are given

    def open(self):
        """Begins to read, without resetting the board. Raises BenchError when the port is busy or not there."""

    def close(self):
        """Gives everything back. Never raises; may be called twice."""

    def command(self, command, limit_ms=5000):
        """Sends a console command (a dict without id) and returns the answer. Raises TimedOut, or BenchError when refused."""

    def handed_over(self):
        """Context manager: inside it the port belongs to a tool, and nothing of ours has it open."""

    def reset(self):
        """A hard reset that keeps RTC memory (machine.reset()). Raises BenchError when the board cannot be reached."""
