"""Where the project's data lies: boards/, tests/scenarios/, firmware/, the secrets file.

Knows the layout of a checkout and nothing else. The package is installed editable from the checkout that holds it.
"""

from pathlib import Path

from .choices import ROOT

BOARDS = ROOT / "boards"
SCENARIOS = ROOT / "tests" / "scenarios"
REGRESSIONS = SCENARIOS / "regressions"
FIRMWARE = ROOT / "firmware"
SECRETS = ROOT / "secrets.json"
SECRETS_EXAMPLE = ROOT / "secrets.example.json"


def runs_folder():
    """Where runs leave their history and pages: runs/ in the current folder, which the checkout's git ignores."""
    return Path.cwd() / "runs"
