"""Drivers for access points and power, against stand-ins that answer as the tools do: each switches, checks, and says when nothing happened (R49)."""

import contextlib
import os
import socket
import threading

import pytest

from holdfast_bench.boards.boardfile import BoardFile
from holdfast_bench.drivers import hil, proof, wifi_hostapd
from holdfast_bench.errors import BenchError, Cannot, TimedOut
from holdfast_bench.history import History

BOARD = {"title": "x", "chip": "esp32", "image": "X", "flash_offset": 0x1000, "usb_ids": ["10c4:ea60"], "repl": "uart", "reset": "classic"}


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Nothing here takes its time."""
    for name, value in (("BACK_S", 0.6), ("START_S", 3), ("ASK_S", 0.3), ("SILENT_MS", 0)):
        monkeypatch.setattr(proof, name, value)


class Board:
    """Board b1: says what the test lets it say."""

    def __init__(self, history):
        self.history, self.commands, self.held, self.away_on_purpose = history, [], None, False
        self.cause_after_power = 1

    def command(self, command, limit_ms=5000):
        self.commands.append(command)
        return {"ok": True, "cause": self.cause_after_power}

    def hold_in_reset(self, on):
        self.held = on

    def says(self, ev, **fields):
        self.history.add("board/b1", ev, **fields)


@pytest.fixture
def history():
    return History()


@pytest.fixture
def board(history):
    return Board(history)


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """tool(name, text): a shell script of that name on PATH. Its folder, $S, is where it remembers."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", "%s:%s" % (folder, os.environ["PATH"]))
    monkeypatch.setenv("S", str(tmp_path))

    def make(name, text):
        (folder / name).write_text("#!/bin/sh\necho \"$@\" >> $S/calls\n" + text)
        (folder / name).chmod(0o755)
        return lambda: (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
    return make


def wifi(board, history, **settings):
    return hil.wifi(BoardFile(**BOARD, wifi=settings).wifi, "b1", board, history)


def power(board, history, **settings):
    return hil.power(BoardFile(**BOARD, power=settings).power, "b1", board, history)


# -- hostapd ---------------------------------------------------------------------------------------------------------


class FakeHostapd(threading.Thread):
    """Serves a control socket as hostapd does; `deaf`: answers FAIL; `stuck`: says OK and does nothing; `mute`: says nothing."""

    def __init__(self, folder, **how):
        super().__init__(daemon=True)
        self.how, self.state, self.heard = how, "ENABLED", []
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.line.bind(str(folder / "wlan0"))
        self.start()

    def run(self):
        while True:
            command, who = self.line.recvfrom(4096)
            if command == b"END" or self.how.get("mute"):
                if command == b"END":
                    return
                continue
            self.heard.append(command.decode())
            self.line.sendto(b"<3>AP-STA-DISCONNECTED 02:00:00:00:01:00\n", who)
            self.line.sendto(self.answer(command), who)

    def answer(self, command):
        if command == b"STATUS":
            return ("state=%s\nphy=phy0\nfreq=2412\nnum_sta_non_erp=0\nchannel=1\nbss[0]=wlan0\nssid[0]=bench\nnum_sta[0]=1\n" % self.state).encode()
        wanted = {b"DISABLE": "DISABLED", b"ENABLE": "ENABLED"}.get(command)
        if wanted is None:
            return b"UNKNOWN COMMAND\n"
        if self.how.get("deaf") or self.state == wanted:
            return b"FAIL\n"
        if not self.how.get("stuck"):
            self.state = wanted
        return b"OK\n"

    def close(self):
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as s:
            s.sendto(b"END", self.line.getsockname())
        self.join(5)
        self.line.close()


@pytest.fixture
def hostapd(tmp_path, request):
    served = FakeHostapd(tmp_path, **getattr(request, "param", {}))
    yield served
    served.close()


def test_hostapd_is_disabled_and_enabled_over_its_control_socket(hostapd, tmp_path, board, history):
    ap = wifi(board, history, driver="hostapd", interface="wlan0", control=str(tmp_path))
    assert ap.evidence() is None
    ap.away()
    assert hostapd.state == "DISABLED" and ap.evidence() == "hostapd says that wlan0 is DISABLED"
    board.says("link", up=False, why="lost")
    assert ap.evidence() == "hostapd says that wlan0 is DISABLED; b1 has lost its link"
    ap.away()       # what is so already is not asked for
    ap.back()
    assert hostapd.state == "ENABLED" and ap.evidence() is None
    assert [c for c in hostapd.heard if c != "STATUS"] == ["DISABLE", "ENABLE"]


@pytest.mark.parametrize("hostapd", [{"stuck": True}], indirect=True)
def test_an_access_point_that_only_says_ok_is_not_taken_for_gone(hostapd, tmp_path, board, history):
    ap = wifi(board, history, driver="hostapd", interface="wlan0", control=str(tmp_path))
    ap.away()
    assert ap.evidence() is None
    hostapd.state = "DISABLED"
    with pytest.raises(BenchError, match="was switched on, but is still off .*: hostapd says that wlan0 is DISABLED"):
        ap.back()


@pytest.mark.parametrize("hostapd", [{"deaf": True}], indirect=True)
def test_a_hostapd_that_refuses_is_told(hostapd, tmp_path, board, history):
    with pytest.raises(BenchError, match="hostapd refuses to disable wlan0"):
        wifi(board, history, driver="hostapd", interface="wlan0", control=str(tmp_path)).away()


@pytest.mark.parametrize("hostapd", [{"mute": True}], indirect=True)
def test_a_hostapd_that_does_not_answer_is_given_up(hostapd, tmp_path, board, history, monkeypatch):
    monkeypatch.setattr(wifi_hostapd, "ANSWER_S", 0.2)
    with pytest.raises(TimedOut, match="hostapd to answer STATUS"):
        wifi(board, history, driver="hostapd", interface="wlan0", control=str(tmp_path)).away()


def test_no_hostapd_says_how_to_have_one(tmp_path, board, history):
    settings = BoardFile(**BOARD, wifi={"driver": "hostapd", "interface": "wlan7", "control": str(tmp_path)}).wifi
    assert "no hostapd listens at" in hil.missing(settings)
    with pytest.raises(BenchError, match="no hostapd listens at .*wlan7: start it with `ctrl_interface="):
        wifi(board, history, **settings.model_dump()).away()


# -- nmcli -----------------------------------------------------------------------------------------------------------

NMCLI = r"""
[ "$1" = --wait ] && shift 2
[ "$1" = -t ] && shift 3
touch $S/active
case "$1 $2" in
"connection show") [ -s $S/active ] && echo 'Bench\: two:activated'; echo 'eth0:activated'; exit 0;;
"connection up") [ "$4" = 'Bench: two' ] || { echo "Error: unknown connection '$4'." >&2; exit 10; }
    echo y > $S/active; echo 'Connection successfully activated (D-Bus active path: /org/freedesktop/NetworkManager/ActiveConnection/7)';;
"connection down") [ -s $S/active ] || { echo "Error: '$4' is not an active connection." >&2; exit 10; }
    [ -e $S/stuck ] || : > $S/active; echo "Connection '$4' successfully deactivated";;
esac
"""


def test_nmcli_takes_a_hotspot_down_and_up(tool, tmp_path, board, history):
    calls = tool("nmcli", NMCLI)
    ap = wifi(board, history, driver="nmcli", connection="Bench: two")
    ap.back()
    assert ap.evidence() is None
    ap.away()
    assert ap.evidence() == "NetworkManager does not run connection Bench: two"
    ap.away()
    ap.back()
    assert ap.evidence() is None
    assert [c for c in calls() if "connection down" in c or "connection up" in c] == [
        "--wait 20 connection up id Bench: two", "--wait 20 connection down id Bench: two", "--wait 20 connection up id Bench: two"]
    (tmp_path / "stuck").touch()
    ap.away()
    assert ap.evidence() is None


@pytest.mark.parametrize("script, words", [
    ("echo 'Error: NetworkManager is not running.' >&2; exit 8", "NetworkManager is not running: `systemctl"),
    ("[ $6 = --active ] && exit; echo \"Error: unknown connection 'bench'.\" >&2; exit 10", "has no connection 'bench': `nmcli connection show`"),
    ("[ $6 = --active ] && exit; echo 'Error: Timeout expired (20 seconds)' >&2; exit 3", "could not switch bench: Error: Timeout expired"),
])
def test_nmcli_that_cannot_is_told_in_a_line(tool, board, history, script, words):
    tool("nmcli", script)
    with pytest.raises(BenchError) as told:
        ap = wifi(board, history, driver="nmcli", connection="bench")
        ap.away()
        ap.back()
    assert words in str(told.value) and "\n" not in str(told.value)


def test_a_tool_that_is_not_installed_says_what_to_do(tmp_path, board, history, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for made, call in ((wifi(board, history, driver="nmcli", connection="x"), "away"), (power(board, history, driver="uhubctl", hub="1-1", port=2), "off"),
                       (wifi(board, history, driver="openwrt", router="root@router"), "away")):
        with pytest.raises(BenchError, match=r"cannot start \w+ \(No such file or directory\): install "):
            getattr(made, call)()
    for settings in ({"driver": "nmcli", "connection": "x"}, {"driver": "openwrt", "router": "r"}):
        assert "is not installed: install " in hil.missing(BoardFile(**BOARD, wifi=settings).wifi)


# -- openwrt ---------------------------------------------------------------------------------------------------------

SSH = r"""
while [ "$1" = -o ]; do shift 2; done
touch $S/down
case "$2" in
"wifi down radio0") [ -e $S/stuck ] || echo y > $S/down;;
"wifi up radio0") : > $S/down;;
"ubus call network.wireless status") UP=true; [ -s $S/down ] && UP=false
    printf '{\n\t"radio0": {\n\t\t"up": %s,\n\t\t"pending": false,\n\t\t"autostart": true,\n\t\t"disabled": false,\n\t\t"interfaces": []\n\t},\n\t"radio1": {"up": true, "pending": false}\n}\n' $UP;;
*) echo "ash: $2: not found" >&2; exit 127;;
esac
"""


def test_a_router_with_openwrt_is_switched_over_ssh(tool, tmp_path, board, history):
    calls = tool("ssh", SSH)
    ap = wifi(board, history, driver="openwrt", router="root@192.168.1.1", radio="radio0")
    ap.away()
    assert ap.evidence() == "root@192.168.1.1 says that radio0 is down"
    ap.back()
    assert ap.evidence() is None
    assert all("BatchMode=yes" in c and "root@192.168.1.1" in c for c in calls())
    (tmp_path / "stuck").touch()
    ap.away()
    assert ap.evidence() is None
    with pytest.raises(BenchError, match="has no radio radio5, only radio0, radio1"):
        wifi(board, history, driver="openwrt", router="root@192.168.1.1", radio="radio5").evidence()


@pytest.mark.parametrize("script, words", [
    ("echo 'ssh: connect to host r port 22: No route to host' >&2; exit 255", "ssh to root@r failed: ssh: connect to host r port 22: No route to host (a key"),
    ("echo 'root@r: Permission denied (publickey).' >&2; exit 255", "`ssh-copy-id root@r`"),
    ("echo 'sh: wifi: not found' >&2; exit 127", "root@r could not run `wifi down`: sh: wifi: not found"),
])
def test_a_router_that_cannot_be_reached_is_told_in_a_line(tool, board, history, script, words):
    tool("ssh", script)
    with pytest.raises(BenchError) as told:
        wifi(board, history, driver="openwrt", router="root@r").away()
    assert words in str(told.value) and "\n" not in str(told.value)


def test_a_router_that_is_no_openwrt_is_told(tool, board, history):
    tool("ssh", "echo 'Welcome to RouterOS'")
    with pytest.raises(BenchError, match="answers oddly .* is it OpenWrt"):
        wifi(board, history, driver="openwrt", router="root@r").evidence()


# -- command, device, ask ----------------------------------------------------------------------------------------------


def test_commands_switch_and_a_third_checks(tmp_path, board, history):
    flag = tmp_path / "off"
    ap = wifi(board, history, driver="command", off="touch %s" % flag, on="rm %s" % flag, check="test ! -e %s" % flag)
    ap.away()
    assert flag.exists() and ap.evidence() == "the check command says that it is off"
    ap.back()
    assert ap.evidence() is None


def test_commands_without_a_check_count_only_when_the_board_notices(board, history):
    ap = wifi(board, history, driver="command", off="true", on="true")
    board.says("link", up=False, why="earlier")
    ap.away()
    assert ap.evidence() is None
    board.says("link", up=False, why="lost")
    assert ap.evidence() == "b1 has lost its link"
    board.says("link", up=True, ip="10.0.0.2")
    assert ap.evidence() is None


@pytest.mark.parametrize("off, words", [("echo no such plug >&2; exit 3", "failed (status 3)"), ("exit 127", "failed (status 127)")])
def test_a_command_that_fails_is_told_with_what_it_said(board, history, off, words):
    with pytest.raises(BenchError) as told:
        wifi(board, history, driver="command", off=off, on="true").away()
    assert words in str(told.value) and "\n" not in str(told.value)


def test_a_command_that_hangs_is_ended(board, history, monkeypatch):
    monkeypatch.setattr("holdfast_bench.drivers.command.LIMIT_S", 0.3)
    with pytest.raises(BenchError, match="did not end within"):
        wifi(board, history, driver="command", off="echo asking the plug; sleep 60", on="true").away()


def test_the_device_is_asked_to_do_without_its_radio_and_its_link_shows_it(board, history):
    ap = wifi(board, history, driver="device")
    ap.away()
    assert ap.evidence() is None
    board.says("link", up=False, why="lost")
    assert ap.evidence() and board.commands == [{"cmd": "radio", "on": False}]
    ap.back()
    assert board.commands[-1] == {"cmd": "radio", "on": True}


def test_nobody_at_the_terminal_cannot_be_asked(board, history, monkeypatch):
    monkeypatch.setattr("sys.stdin", open(os.devnull))
    with pytest.raises(Cannot, match="nobody can be asked"):
        wifi(board, history, driver="ask").away()


# -- power -----------------------------------------------------------------------------------------------------------

UHUBCTL = r"""
HUB="hub $2 [2109:2817 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports, ppps]"
touch $S/off
show() { if [ -s $S/off ]; then echo '  Port 2: 0000 off'; else echo '  Port 2: 0103 power enable connect [10c4:ea60 Silicon Labs CP2102 USB to UART Bridge Controller 0001]'; fi; }
[ "$2" = 1-1 ] || { echo 'No compatible devices detected at location 9-9!'; echo 'Run with -h to get usage info.'; exit 1; }
echo "Current status for $HUB"; show
case "$6" in
off) [ -e $S/ganged ] || echo y > $S/off; echo 'Sent power off request'; echo "New status for $HUB"; show;;
on) : > $S/off; echo 'Sent power on request'; echo "New status for $HUB"; show;;
esac
"""


def test_a_hub_switches_the_supply_and_the_reset_cause_proves_it(tool, board, history):
    calls = tool("uhubctl", UHUBCTL)
    supply = power(board, history, driver="uhubctl", hub="1-1", port=2)
    assert supply.evidence() is None
    supply.off()
    assert supply.evidence() == "hub 1-1 says that port 2 is off; b1 is silent" and board.away_on_purpose
    supply.on()     # the board's first words are lost with its port: it is asked
    assert board.commands == [{"cmd": "status"}] and not board.away_on_purpose
    assert "-l 1-1 -p 2 -a off -r 2" in calls() and "-l 1-1 -p 2 -a on" in calls()


def test_a_hub_that_only_says_so_is_found_out_by_the_reset_cause(tool, board, history):
    tool("uhubctl", UHUBCTL)
    supply = power(board, history, driver="uhubctl", hub="1-1", port=2)
    supply.off()
    board.cause_after_power = 2
    with pytest.raises(BenchError, match="b1 started with reset cause 2, not from power-on: its power had not really gone"):
        supply.on()


def test_a_hub_whose_ports_cannot_be_switched_one_by_one_shows_no_effect(tool, tmp_path, board, history):
    tool("uhubctl", UHUBCTL)
    (tmp_path / "ganged").touch()
    supply = power(board, history, driver="uhubctl", hub="1-1", port=2)
    supply.off()
    assert supply.evidence() is None


@pytest.mark.parametrize("settings, script, words", [
    ({"hub": "9-9", "port": 2}, UHUBCTL, "finds no hub at 9-9"),
    ({"hub": "1-1", "port": 4}, UHUBCTL, "hub 1-1 has no port 4"),
    ({"hub": "1-1", "port": 2}, "echo 'There were permission problems while accessing USB.'; exit 1", "no permission to switch hub 1-1"),
])
def test_a_hub_that_cannot_is_told_in_a_line(tool, board, history, settings, script, words):
    tool("uhubctl", script)
    with pytest.raises(BenchError) as told:
        power(board, history, driver="uhubctl", **settings).evidence()
    assert words in str(told.value) and "\n" not in str(told.value)


def test_a_board_that_is_never_heard_of_again_is_told(board, history, monkeypatch):
    def deaf(command, limit_ms=5000):
        raise TimedOut("the answer", limit_ms)
    board.command = deaf
    supply = power(board, history, driver="command", off="true", on="true")
    supply.off()
    with pytest.raises(TimedOut, match="a sign of b1 after its power came back"):
        supply.on()


def test_en_held_low_is_proved_by_what_the_rom_says(board, history):
    supply = power(board, history, driver="rts")
    supply.off()
    assert board.held is True
    threading.Timer(0.1, lambda: history.add("chip/b1", "reset", cause="power")).start()
    supply.on()
    assert board.held is False and board.commands == []


# -- board files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table, words", [
    ('[wifi]\ndriver = "hostapd"\n', "`wifi.interface` is missing for driver 'hostapd'"),
    ('[wifi]\ndriver = "hostapt"\ninterface = "wlan0"\n', "`wifi.driver`: there is no driver 'hostapt', only 'ask', 'device', 'command', 'hostapd', 'nmcli', 'openwrt'"),
    ('[wifi]\noff = "x"\n', "`wifi.driver` is missing: say who switches it"),
    ('[wifi]\ndriver = "openwrt"\nrouter = "r"\nradios = "radio0"\n', "unknown field `wifi.radios` for driver 'openwrt' (did you mean `radio`?)"),
    ('[wifi]\ndriver = "openwrt"\nrouter = "-oProxyCommand=x"\n', "`wifi.router`: string should match pattern"),
    ('[power]\ndriver = "uhubctl"\nhub = "1-1"\nport = 0\n', "`power.port`: should be greater than or equal to 1, not 0"),
    ('[power]\ndriver = "command"\noff = "x"\n', "`power.on` is missing for driver 'command'"),
])
def test_a_wrong_driver_table_names_field_driver_and_remedy(tmp_path, table, words):
    from holdfast_bench.boards import boardfile
    path = tmp_path / "mine.toml"
    path.write_text('title = "x"\nchip = "esp32"\nimage = "X"\nflash_offset = 0x1000\nusb_ids = ["10c4:ea60"]\nrepl = "uart"\nreset = "classic"\n' + table)
    with pytest.raises(BenchError) as told:
        boardfile.load(path)
    assert words in str(told.value) and "\n" not in str(told.value)
