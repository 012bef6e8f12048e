"""`holdfast twin`'s core, and what is left behind: nothing."""

import os
import re
import signal
import subprocess
import sys
import time

SERVE = "import sys; from holdfast_bench.twin.serve import serve; serve(int(sys.argv[1]), say=lambda text: print(text, flush=True))"


def children(pid):
    """Processes whose parent is pid."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as f:
                    if f.read().rpartition(")")[2].split()[1] == str(pid):
                        found.append(int(name))
            except OSError:
                pass
    return found


def alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except OSError:
        return False


def started(count):
    # Whoever runs the tests in the background may have switched SIGINT off for all it starts.
    server = subprocess.Popen([sys.executable, "-c", SERVE, str(count)], stdout=subprocess.PIPE, text=True,
                              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    ports = []
    for line in server.stdout:
        found = re.match(r"twin\d+\s+(\S+)", line)
        if found:
            ports.append(found[1])
        if "Ctrl-C" in line:
            return server, ports
    raise AssertionError("it ended with status %s" % server.wait())


def gone(server, pids, ports):
    server.wait(10)
    server.stdout.close()
    end = time.monotonic() + 5
    while any(alive(p) for p in pids) and time.monotonic() < end:
        time.sleep(0.05)
    assert [p for p in pids if alive(p)] == []
    return [p for p in ports if os.path.lexists(p)]


def test_ctrl_c_leaves_no_process_and_no_port():
    server, ports = started(3)
    pids = children(server.pid)
    assert len(ports) == 3 == len(pids)
    server.send_signal(signal.SIGINT)
    assert gone(server, pids, ports) == []
    assert server.returncode == 0


def test_boards_do_not_outlive_a_killed_bench():
    server, ports = started(1)
    pids = children(server.pid)
    server.kill()
    gone(server, pids, ports)


def test_fifty_boards_at_once(host):  # R50
    boards = [host.add_board() for _ in range(50)]
    for board in boards:
        board.power_on()
    for board in boards:
        board.wait_running(60)
    memory_mb = 0
    for board in boards:
        with open("/proc/%d/smaps_rollup" % board._process.pid) as f:
            memory_mb += int(re.search(r"Pss:\s+(\d+)", f.read())[1]) / 1024
    assert memory_mb / 50 < 12
    for board in boards:
        host.remove_board(board)


def test_boards_start_from_a_folder_named_from_here(tmp_path):
    code = SERVE.replace("serve(int(sys.argv[1]),", "serve(1, folder='here',")
    for _ in range(2):      # the second time it is there already
        server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
        said = ""
        for line in server.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        server.terminate()
        server.wait(20)
        server.stdout.close()
        assert "%s/here/twin1/port" % tmp_path in said and "does not start" not in said
