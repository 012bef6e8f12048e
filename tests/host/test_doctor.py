"""What `holdfast doctor` says about boards and faults: what is possible here, and why something is not (R49)."""

import subprocess

import pytest

from holdfast_bench import checkout, doctor
from holdfast_bench.drivers import root

RUN = subprocess.run

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


def test_packets_broken_on_this_machine_make_more_possible(look):
    nft, link = (look('[network]\ndriver = "%s"\n' % driver)["faults, mine"] for driver in ("nftables", "packets"))
    for fault in ("blackhole", "half_open", "one_way", "loss"):
        assert fault in nft.what and fault in link.what
    assert "slow_link" in link.what and "slow_link" not in nft.what and "lease_changed" not in link.what


def test_it_says_whether_packets_can_be_broken_here_and_why_not(look, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(root, "find", lambda program: None)
    for driver in ("nftables", "packets"):
        check = look("")["network by %s" % driver]
        assert check.state == doctor.NOTE and "not possible here" in check.what and "nft is not installed" in check.remedy


def test_without_the_right_to_change_the_network_it_says_what_gives_it(look, monkeypatch):
    def denied(*command, **kwargs):
        return subprocess.CompletedProcess(command, 1, "", "sudo: a password is required\n")
    monkeypatch.setattr(root.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(root, "find", lambda program: "/usr/sbin/" + program)
    monkeypatch.setattr(root.subprocess, "run", lambda command, **kwargs: denied(command) if command[0] == "sudo" else RUN(command, **kwargs))
    assert "let sudo run it without a password" in look("")["network by nftables"].remedy
