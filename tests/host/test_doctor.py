"""What `holdfast doctor` says about boards and faults: what is possible here, and why something is not (R49)."""

import pytest

from holdfast_bench import checkout, doctor

BOARD = 'title = "x"\nchip = "esp32"\nimage = "X"\nflash_offset = 0x1000\nusb_ids = ["10c4:ea60"]\nrepl = "uart"\nreset = "classic"\n'


@pytest.fixture
def look(tmp_path, monkeypatch):
    def look(tables):
        (tmp_path / "mine.toml").write_text(BOARD + tables)
        monkeypatch.setattr(checkout, "BOARDS", tmp_path)
        return {c.topic: c for c in doctor.checks()}
    return look


def test_a_board_without_drivers_can_only_lose_its_access_point(look):
    check = look("")["faults, mine"]
    assert check.state == doctor.OK and "ap_gone" in check.what and "power_cut" not in check.what and "refused" not in check.what


def test_drivers_make_more_possible(look):
    check = look('[power]\ndriver = "rts"\n[broker]\ndriver = "builtin"\n')["faults, mine"]
    for fault in ("power_cut", "refused", "half_open", "broker_killed", "acks_lost", "ap_gone", "watchdog_hang"):
        assert fault in check.what
    assert "loss" not in check.what.replace("acks_lost", "").split(", ")


def test_a_driver_that_cannot_work_here_says_why(look, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    check = look('[wifi]\ndriver = "hostapd"\ninterface = "wlan9"\ncontrol = "%s"\n[power]\ndriver = "uhubctl"\nhub = "1-1"\nport = 2\n' % tmp_path)["faults, mine"]
    assert check.state == doctor.NOTE
    assert "[wifi] hostapd: no hostapd listens at" in check.remedy and "[power] uhubctl: uhubctl is not installed: install uhubctl" in check.remedy


def test_a_wrong_board_file_is_missing_with_its_reason(look):
    checks = look('[power]\ndriver = "rtss"\n')
    assert checks["board files"].state == doctor.MISSING and "there is no driver 'rtss'" in checks["board files"].what
