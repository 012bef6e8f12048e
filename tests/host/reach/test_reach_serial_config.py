"""A configuration by serial (R42): in pieces, tried, kept; and refused in words without secrets."""

import json

import pytest

from holdfast_bench.errors import BenchError
from holdfast_bench.session import Session

PIECE = 60


def hand_over(session, request):
    text = json.dumps(request)
    for at in range(0, len(text), PIECE):
        session.command("config", part=text[at:at + PIECE], first=at == 0)
    return session.command("config", apply=True)


def test_a_change_over_serial_is_tried_and_kept():
    with Session("sim") as session:
        with pytest.raises(BenchError, match=r"wifi\[0\].key"):
            hand_over(session, {"set": {"wifi": [{"ssid": "x", "key": ["secret-of-mine"]}]}})
        assert "secret-of-mine" not in json.dumps([e for e in session.events if e["src"] != "bench"])
        assert hand_over(session, {"id": 9, "set": {"app": {"period_ms": 250}}})["state"] == "on trial"
        session.expect("it is kept", within_s=60, src="board", ev="config", state="kept", id=9)
