"""How lives of a virtual board end and begin: causes, what is kept, what the console shows."""

import contextlib
import time

import pytest
from twin_line import Line

RTC = "import machine\nprint(machine.reset_cause(), machine.wake_reason(), machine.RTC().memory())"


def again(board, heard, start):
    """The line of the next life."""
    heard.wait("boot", start)
    return contextlib.closing(Line(board.port))


def test_power_on_finds_empty_memory_and_the_clock_at_2000(line):
    assert line.run(RTC) == "1 0 b''\n"
    assert line.run("import time; print(time.gmtime()[:3])") == "(2000, 1, 1)\n"


def test_what_is_sent_while_a_board_starts_is_lost_and_harms_nothing(host, heard):
    """A tool that sends Ctrl-C from the moment of the reset, as deploying does to catch boot.py, finds a prompt at last."""
    heard.clear()
    board = host.add_board(fast_flash=True)
    with contextlib.closing(Line(board.port)) as line:
        board.power_on()
        while not heard.of("boot"):
            line.write(b"\x03")
            time.sleep(0.002)
            assert not heard.of("reset"), heard
        line.write(b"\x03")
        line.read_until(b">>> ")
    host.remove_board(board)


def test_machine_reset_keeps_rtc_memory(board, line, heard):
    line.run("import machine; machine.RTC().memory(b'kept')")
    n = len(heard)
    line.start("import machine\ntry:\n  machine.reset()\nfinally:\n  machine.RTC().memory(b'finally')")
    assert heard.wait("reset", n)["kind"] == "software"
    with again(board, heard, n) as next_line:
        assert next_line.run(RTC) == "2 0 b'kept'\n"


def test_watchdog_bites_a_program_that_computes(board, line, heard):  # R31
    line.run("import machine; machine.RTC().memory(b'kept')")
    n = len(heard)
    line.start("machine.WDT(timeout=700)\nwhile True: pass")
    began = time.monotonic()
    bite = heard.wait("bite", n)
    assert bite["computing"] is True and time.monotonic() - began > 0.65
    assert b"task_wdt" in line.read_until(b"rst:0xc (SW_CPU_RESET)")
    with again(board, heard, n) as next_line:
        assert next_line.run(RTC) == "3 0 b'kept'\n"


def test_watchdog_bites_in_the_middle_of_a_blocking_call_and_across_a_soft_reset(board, line, heard):
    n = len(heard)
    line.write(b"import machine, time; machine.WDT(timeout=1500)\r")
    line.read_until(b">>> ")
    line.write(b"\x04")
    line.read_until(b"MPY: soft reboot")
    line.write(b"import network; w = network.WLAN(); w.active(True); w.scan()\r")
    assert heard.wait("bite", n, limit_s=4)["computing"] is False
    with again(board, heard, n) as next_line:
        assert next_line.run(RTC) == "3 0 b''\n"


def test_fed_watchdog_does_not_bite_and_takes_a_new_time(line, heard):
    n = len(heard)
    line.run("import machine, time\nw = machine.WDT(timeout=400)\nfor i in range(12):\n  time.sleep_ms(100); w.feed()\n"
             "machine.WDT(timeout=3000)\ntime.sleep_ms(900)\nmachine.WDT(timeout=60000)")
    assert not heard.of("bite", n)


def test_deep_sleep_wakes_with_memory_and_without_watchdog(board, line, heard):
    line.run("import machine; machine.RTC().memory(b'kept'); machine.RTC().datetime((2025, 6, 1, 0, 12, 0, 0, 0))")
    n = len(heard)
    line.start("machine.WDT(timeout=300)\nmachine.deepsleep(800)")
    heard.wait("sleep", n, ms=800)
    heard.wait("wake", n)
    with again(board, heard, n) as next_line:
        assert next_line.run(RTC) == "4 4 b'kept'\n"
        assert next_line.run("import time; print(time.gmtime()[:3])") == "(2025, 6, 1)\n"
    assert not heard.of("bite", n)


def test_power_cut_and_en_lose_rtc_memory_but_not_files_and_nvs(board, line, heard):
    line.run("import machine, esp32\nmachine.RTC().memory(b'gone')\nn = esp32.NVS('x'); n.set_i32('a', -5); n.commit()\n"
             "with open('f', 'w') as f: f.write('here')")
    for cut in (lambda: (board.power_off(), board.power_on()), board.en_reset):
        n = len(heard)
        cut()
        with again(board, heard, n) as next_line:
            assert next_line.run(RTC) == "1 0 b''\n"
            assert next_line.run("import esp32; print(esp32.NVS('x').get_i32('a'), open('f').read())") == "-5 here\n"


def test_power_off_is_off(board, line, heard):
    line.run("print('up')")
    board.power_off()
    assert board.state == "off"
    line.read_rest()
    line.write(b"print(1)\r")
    time.sleep(0.2)
    assert line.serial.read(100) == b""
    board.en_reset()
    assert board.state == "off"
    board.power_on()
    board.wait_running()


def test_soft_reset_is_sticky_and_keeps_what_the_chip_keeps(board, line, heard):
    line.run("import machine; machine.RTC().memory(b'kept'); x = 5; import json")
    line.write(b"\x02")
    line.read_until(b">>> ")
    line.write(b"\x04")
    line.read_until(b"MPY: soft reboot\r\n")
    line.read_until(b">>> ")
    assert line.run(RTC) == "5 0 b'kept'\n"
    assert line.run("print('x' in globals(), len(heap) if 'heap' in globals() else None)") == "False None\n"
    n = len(heard)
    board.en_reset()
    with again(board, heard, n) as next_line:
        assert next_line.run(RTC).startswith("1 ")


def test_torn_rtc_write_leaves_new_bytes_under_the_old_length(board, line, heard):  # R31
    line.run("import machine; machine.RTC().memory(b'aaaaaaaa')")
    n = len(heard)
    board.tear_rtc_write(3)
    line.start("machine.RTC().memory(b'bbbbbbbbbb')")
    assert heard.wait("reset", n)["kind"] == "panic"
    with again(board, heard, n) as next_line:
        assert next_line.run(RTC) == "2 0 b'bbbaaaaa'\n"


def test_power_cut_in_the_middle_of_a_flash_write_leaves_the_old_file(board, line, heard):  # R31
    line.run("with open('f', 'w') as f: f.write('old' * 500)")
    n = len(heard)
    board.cut_flash_write(300)
    line.start("with open('f.tmp', 'w') as f: f.write('new' * 500)\nimport os; os.rename('f.tmp', 'f')")
    assert heard.wait("reset", n)["kind"] == "power_on"
    with again(board, heard, n) as next_line:
        assert next_line.run("print(open('f').read() == 'old' * 500)") == "True\n"


def test_boot_order(board, line, heard):
    line.run("with open('main.py', 'w') as f: f.write(\"print('MAIN')\\n1/0\\n\")\n"
             "with open('boot.py', 'w') as f: f.write(\"print('BOOT')\\n\")")
    n = len(heard)
    board.en_reset()
    heard.wait("boot", n)
    out = line.read_until(b">>> ").decode()
    assert "rst:0x1" in out and out.index("BOOT") < out.index("MAIN") < out.index('File "main.py", line 2') < out.index("MicroPython v")
    line.run("with open('boot.py', 'w') as f: f.write('1/0')")
    line.write(b"\x02\x04")
    out = line.read_until(b"soft reboot") + line.read_until(b">>> ")
    assert b'File "boot.py", line 1' in out and b"MAIN" not in out


def test_a_fault_of_the_interpreter_is_a_panic_not_a_hang(board, line, heard):
    n = len(heard)
    line.run("import sys")
    board.host.call(board._process._popen.kill)
    assert heard.wait("reset", n)["kind"] == "panic"
    heard.wait("boot", n)


@pytest.mark.parametrize("kind, cause", [("brownout", 1), ("panic", 2)])
def test_brownout_and_panic_have_their_causes(board, heard, kind, cause):
    n = len(heard)
    getattr(board, kind)()
    assert heard.wait("boot", n)["cause"] == cause
