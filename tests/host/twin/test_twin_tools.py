"""Unmodified tools on the port of a virtual board: mpremote, ampy, pyserial. Each call has its own time limit."""

import contextlib
import subprocess
import sys
import time

import pytest
import serial
from twin_line import Line, interpreters


def tool(*args, limit_s=20, status=0):
    done = subprocess.run([sys.executable, "-m", *args], capture_output=True, text=True, timeout=limit_s)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(params=interpreters())
def any_board(request, host):
    b = host.add_board(interpreter=request.param, fast_flash=True)
    b.power_on()
    b.wait_running()
    yield b
    host.remove_board(b)


def test_mpremote_everyday_commands(any_board, heard, tmp_path):  # R49
    def mp(*args, **kw):
        return tool("mpremote", "connect", any_board.port, *args, **kw)

    script = tmp_path / "hello.py"
    script.write_text("import sys\nprint('hello', sys.platform)\n" + "# padding\n" * 300)
    assert mp("exec", "print(1 + 1)") == "2\n"
    assert mp("eval", "2 ** 70") == "1180591620717411303424\n"
    assert mp("run", str(script)) == "hello esp32\n"
    mp("cp", str(script), ":hello.py", "+", "mkdir", ":d", "+", "cp", str(script), ":d/x.py")
    assert "hello.py" in mp("ls") and "_frozen" not in mp("ls") and "x.py" in mp("tree")
    assert mp("cat", ":d/x.py") == script.read_text()
    mp("cp", ":hello.py", str(tmp_path / "back.py"))
    assert (tmp_path / "back.py").read_text() == script.read_text()
    mp("rm", ":hello.py")
    assert "/\n" in mp("df")
    assert mp("resume", "exec", "x = 5", "+", "exec", "print(x)") == "5\n"
    mp("soft-reset")
    assert mp("resume", "exec", "import machine; print(machine.reset_cause())") == "5\n"
    n = len(heard)
    mp("reset")
    heard.wait("boot", n)
    assert mp("resume", "exec", "import machine; print(machine.reset_cause())") == "2\n"
    assert "ZeroDivisionError" in mp("exec", "1/0", status=1)


def test_mpremote_mount(board, tmp_path):
    (tmp_path / "there.py").write_text("X = 'from the host'\n")
    out = tool("mpremote", "connect", board.port, "mount", str(tmp_path), "exec", "import there; print(there.X)")
    assert "from the host" in out


def test_mpremote_mip_installs_a_local_package(board, tmp_path):
    (tmp_path / "part.py").write_text("X = 'by mip'\n")
    (tmp_path / "package.json").write_text('{"urls": [["pkg/__init__.py", "part.py"]], "version": "1"}')
    tool("mpremote", "connect", board.port, "mip", "install", "--no-mpy", str(tmp_path / "package.json"), limit_s=40)
    assert tool("mpremote", "connect", board.port, "exec", "import pkg; print(pkg.X, pkg.__file__)") == "by mip /lib/pkg/__init__.py\n"


def test_ampy(board, heard, tmp_path):
    script = tmp_path / "s.py"
    script.write_text("print('ran', 6 * 7)\n")
    port = ["--port", board.port, "--delay", "0.1"]
    tool("ampy.cli", *port, "put", str(script), "/s.py")
    assert "/s.py" in tool("ampy.cli", *port, "ls")
    assert "42" in tool("ampy.cli", *port, "get", "/s.py") or "6 * 7" in tool("ampy.cli", *port, "get", "/s.py")
    assert tool("ampy.cli", *port, "run", str(script)) == "ran 42\n"
    tool("ampy.cli", *port, "rm", "/s.py")
    tool("ampy.cli", *port, "mkdir", "/d")
    tool("ampy.cli", *port, "rmdir", "/d")
    n = len(heard)
    tool("ampy.cli", *port, "reset", "--hard")
    heard.wait("boot", n)
    tool("ampy.cli", *port, "reset")


def test_friendly_repl(line):
    line.write(b"\r\x02")
    out = line.read_until(b"module with ESP32") + line.read_until(b">>> ")
    assert b"MicroPython v" in out and b"Generic ESP32 module with ESP32" in out
    line.write(b"for i in range(2):\r")
    line.read_until(b"... ")
    line.write(b"print('i', i)\r\r\r")
    assert b"i 0\r\ni 1\r\n>>> " in line.read_until(b"i 1\r\n>>> ")
    line.write(b"1/0\r")
    assert b'  File "<stdin>", line 1, in <module>\r\nZeroDivisionError: divide by zero\r\n' in line.read_until(b">>> ")
    line.write(b"\x05")
    line.read_until(b"=== ")
    line.write(b"def f():\r    return 'pasted'\rprint(f())\r\x04")
    assert b"pasted\r\n>>> " in line.read_until(b"pasted\r\n>>> ")


@pytest.mark.parametrize("busy", ["while True: pass", "while True: x = [0] * 50", "import time\nwhile True: time.sleep(1)",
                                  "import network\nnetwork.WLAN().active(True)\nimport time\nwhile True: time.ticks_ms()"])
def test_ctrl_c_reaches_running_code(line, busy):
    line.start(busy)
    time.sleep(0.1)
    line.write(b"\x03")
    assert b"KeyboardInterrupt" in line.read_until(b"\x04>", 5)
    assert line.run("print('alive')") == "alive\n"


def test_code_that_catches_exception_lets_ctrl_c_through(line):
    line.start("import time\nwhile True:\n  try: time.sleep_ms(50)\n  except Exception: pass")
    time.sleep(0.1)
    line.write(b"\x03")
    assert b"KeyboardInterrupt" in line.read_until(b"\x04>", 5)


def test_kbd_intr_off_lets_the_byte_through(line):
    line.start("import micropython, sys\nmicropython.kbd_intr(-1)\nb = sys.stdin.buffer.read(3)\nmicropython.kbd_intr(3)\nprint(b)")
    line.write(b"a\x03b")
    assert b"b'a\\x03b'" in line.read_until(b"\x04>")


def test_a_port_that_nobody_reads_does_not_hold_the_board(host, heard):
    b = host.add_board(fast_flash=True, baud=2_000_000)
    b.power_on()
    b.wait_running()
    with contextlib.closing(Line(b.port)) as one:
        one.start("import time\nt = time.ticks_ms()\nfor i in range(400): print('x' * 500)\nwith open('took', 'w') as f: f.write(str(time.ticks_diff(time.ticks_ms(), t)))")
    time.sleep(2)
    with contextlib.closing(Line(b.port)) as one:
        assert int(one.run("print(open('took').read())")) > 500, "200 KB at two million baud, and it came to its end"
    host.remove_board(b)


def test_output_takes_the_line_s_time(line):
    took = int(line.run("import time\nt = time.ticks_ms()\nprint('x' * 1151)\nprint('\\n', time.ticks_diff(time.ticks_ms(), t))").split()[-1])
    assert took >= 80  # 1153 bytes at 11.5 bytes a ms, less what the FIFO takes


def test_input_faster_than_the_program_reads_it_is_lost_without_notice(line):
    line.start("import time, sys\ntime.sleep_ms(300)\nprint(len(sys.stdin.buffer.read(200)))\nimport select\n"
               "p = select.poll(); p.register(sys.stdin, 1)\nn = 200\nwhile p.poll(50): sys.stdin.buffer.read(1); n += 1\nprint(n)")
    line.write(b"y" * 1000)
    out = line.read_until(b"\x04>")
    assert b"200\r\n259\r\n" in out


def test_the_port_has_a_stable_name_and_goes_with_the_board(host):
    import os
    b = host.add_board()
    assert os.path.islink(b.port)
    with serial.Serial(b.port, 115200):
        pass
    host.remove_board(b)
    assert not os.path.lexists(b.port)


def test_help_and_mem_info_come_over_the_line(line):
    assert "virtual ESP32" in line.run("help()")
    assert "umqtt/simple" in line.run("help('modules')")
    assert "GC: total: " in line.run("import micropython; micropython.mem_info()")
