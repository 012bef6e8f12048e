"""Interrupting a MicroPython process that computes, at an instant at which its garbage collector does not run.

On the chip Ctrl-C is noticed between two byte codes. The unix port raises KeyboardInterrupt in the midst of whatever SIGINT
interrupts; within a collection that leaves a heap which is locked and half marked, and the process dies. So the process is
stopped, the collector's lock is read in its memory, and the signal goes out only when it is open.
May use: /proc of this machine. Where that is not to be had the signal goes out at once.
"""

import functools
import os
import random
import signal
import subprocess
import time

TRIES = 60
STOP_LIMIT_S = 0.05

# Prints the distance of the heap's lock depth (of the main thread) from where the program begins in memory: the one byte that heap_lock()
# counts up. Nothing may be allocated while the heap is locked.
_FIND = """
import micropython, uctypes
base = end = 0
spans = []
for line in open("/proc/self/maps"):
    f = line.split()
    a, b = [int(x, 16) for x in f[0].split("-")]
    own = len(f) > 5 and f[5].split("/")[-1].startswith("micropython")
    if own and not base:
        base = a
    if base and f[1].startswith("rw") and (own or len(f) == 5 and a == end):
        spans.append((a, min(b - a, 131072)))
    if own or len(f) == 5 and a == end:
        end = b
def copy(to, start, n):
    i = 0
    while i < n:
        to[i] = start[i]
        i += 1
for at, n in spans:
    now = uctypes.bytearray_at(at, n)
    a, b, c, d = bytearray(n), bytearray(n), bytearray(n), bytearray(n)
    copy(a, now, n)
    micropython.heap_lock()
    copy(b, now, n)
    micropython.heap_lock()
    copy(c, now, n)
    micropython.heap_unlock()
    micropython.heap_unlock()
    copy(d, now, n)
    for i in range(n):
        if a[i] == 0 and d[i] == 0 and b[i] in (1, 2) and c[i] == 2 * b[i]:
            print(at + i - base)
"""


def interrupt(pid, command):
    """SIGINT for the process `pid`, which was started with the interpreter `command`; waits at most a tenth of a second for a good instant."""
    lock = _lock(tuple(command))
    for _ in range(TRIES if lock else 0):
        os.kill(pid, signal.SIGSTOP)
        try:
            if _stopped(pid) and not _collecting(pid, lock):
                os.kill(pid, signal.SIGINT)  # waits until the process goes on, right here
                return
        finally:
            os.kill(pid, signal.SIGCONT)
        time.sleep(random.uniform(0.0002, 0.002))  # another part of the program's own rhythm
    os.kill(pid, signal.SIGINT)


@functools.lru_cache(maxsize=None)
def _lock(command):
    """Where the collector's lock lies, from the start of the program; None when that cannot be told."""
    try:
        found = subprocess.run([*command, "-c", _FIND], capture_output=True, text=True, timeout=10).stdout.split()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return int(found[0]) if len(found) == 1 else None


def _stopped(pid):
    until = time.monotonic() + STOP_LIMIT_S
    while time.monotonic() < until:
        with open("/proc/%d/stat" % pid) as f:
            if f.read().rpartition(")")[2].split()[0] == "T":
                return True
        time.sleep(0.0001)
    return False


def _collecting(pid, lock):
    try:
        with open("/proc/%d/maps" % pid) as maps:
            base = next(int(line.split("-")[0], 16) for line in maps if line.rstrip().rpartition("/")[2].startswith("micropython"))
        with open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
            memory.seek(base + lock)
            return memory.read(1) != b"\0"
    except (OSError, StopIteration):
        return False
