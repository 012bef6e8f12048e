"""Where the project's data lies: boards/, tests/scenarios/, firmware/, and what set-up chose (build/setup.json).

Knows the layout of a checkout and nothing else. The package is installed editable from the checkout that holds it.
"""

import json
from pathlib import Path

from .errors import BenchError

ROOT = Path(__file__).resolve().parents[2]
BOARDS = ROOT / "boards"
SCENARIOS = ROOT / "tests" / "scenarios"
FIRMWARE = ROOT / "firmware"
SECRETS = ROOT / "secrets.json"
SECRETS_EXAMPLE = ROOT / "secrets.example.json"


def setup_choices():
    """What `make setup` found: interpreters, umqtt folder, mosquitto. Raises BenchError when it has not run."""
    try:
        return json.loads((ROOT / "build" / "setup.json").read_text())
    except (OSError, ValueError):
        raise BenchError("set-up has not run in %s: run `make setup` there" % ROOT) from None


def runs_folder():
    """Where runs leave their history and pages: runs/ in the current folder, which the checkout's git ignores."""
    return Path.cwd() / "runs"
