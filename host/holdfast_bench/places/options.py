"""What the user chose for a run, beyond scenario, board and seed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

TOGETHER = "+"          # "esp32-devkitc+esp32-c3" is one place with two real boards


@dataclass(frozen=True)
class Options:
    broker: str | None = None  # "mosquitto", "builtin", "external"; None: the best there is for the place
    ports: tuple = ()  # of real boards, in the order of the scenario's boards
    firmware: Path | None = None  # another folder than firmware/
    secrets: Path | None = None
    deploy: bool = True  # real boards: firmware and configuration first, as far as they differ
    stop: Any = None  # a threading.Event that ends the run early
    begun: Callable[..., None] = lambda history: None  # called with the run's history when it begins
    say: Callable[[str], None] = lambda text: None  # one line about what set-up is doing
