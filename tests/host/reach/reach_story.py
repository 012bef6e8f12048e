"""The stories of the simulation's tests, for those of paths and brokers."""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("sim_story", Path(__file__).resolve().parents[1] / "sim" / "story.py")
_story = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_story)
Story, fault, command, publish = _story.Story, _story.fault, _story.command, _story.publish
LAN = {"phy": "LAN8720", "addr": 1, "mdc": 23, "mdio": 18, "power": 12}
