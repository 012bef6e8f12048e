"""Deploying: the firmware, umqtt where the board lacks it, and a configuration, onto a board with unmodified mpremote.

Only changed files travel; they are staged beside the old ones, checked by hash on the board, and then renamed into place.
"""

from .deploy import Deployed, deploy  # noqa: F401
