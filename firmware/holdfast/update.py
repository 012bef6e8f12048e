# update.py - fetches a signed bundle over the node's session, piece by piece, at the node's pace; checks it; hands it to swap. Loaded when one is
# announced, or when a reset came in the middle of it. docs/updates.md is for people.
# May import: bundle, bell, swap, json, os, asyncio; the node is handed in.   Time: ticks.   Blocks: for flash, some 50 ms for each 4 KB.
#
# In flash, /next: `state`, what was announced; `head`, the list of files; `<number>`, a file of that list that is whole and right;
# `<number>.part`, the one that is on its way. So a reset, whenever, costs a few KB that are fetched again.
from asyncio import create_task, sleep_ms
from json import dumps, load as parse, loads
from micropython import const
import os
from struct import unpack_from
from time import ticks_ms

from .bell import Bell
from .bundle import HEAD, Refused, digest, entries, older, size_of, verified

STATE = "/next/state"
_WAIT_MS = const(1500)  # for a piece; then it is asked for again, each time later
_WAIT_MAX_MS = const(15000)
_OFFLINE_MS = const(100)  # between looks for a connection to ask over
_PATIENCE_MS = const(86400000)  # without any piece: nobody has it any more
_TRIES = const(3)  # for a file that arrives damaged
_PIECE_MAX = const(2048)
_PIECE_HEAD = const(8)  # of a piece: tag, offset
_BLOCK = const(4096)
_HEAD_MAX = const(32768)
_SIZE_MAX = const(4194304)
_SPARE = const(4)  # blocks of the file system that are left alone
_GRACE_MS = const(500)
_NO_SPACE = const(28)  # ENOSPC has no name on the ESP32
_busy = []  # the Fetch that is under way


# request: {"tag": first 8 hex digits of the signature, "head": its bytes, "size": those of the bundle, "limit_s": ..., "id": ...}. Returns what to answer.
# Raises ValueError that says why not.
def announced(node, request):
    tag, head, size, limit_s = request.get("tag"), request.get("head"), request.get("size"), request.get("limit_s", 300)
    if not isinstance(tag, str) or len(tag) != 8 or not isinstance(head, int) or not isinstance(size, int):
        raise ValueError("tag, head and size are needed")
    if not 0 < head <= min(_HEAD_MAX, size) or size > _SIZE_MAX:
        raise ValueError("size")
    if not isinstance(limit_s, int) or not 30 <= limit_s <= 3600:
        raise ValueError("limit_s: a whole number from 30 to 3600")
    if node.config.get("trial") or max([size_of("/next/" + name) for name in ("commit.py", "failed", "kept")]) >= 0:
        raise ValueError("busy: a change is on trial")
    if _busy and _busy[0].state["tag"] == tag:
        _busy[0].bell.ring()
        return "fetching"
    while _busy:
        _busy.pop().task.cancel()
    from .swap import clearing

    if _read_state().get("tag") != tag:
        for _ in clearing():
            pass
    try:
        os.mkdir("/next")
    except OSError:
        pass
    with open(STATE + ".part", "w") as f:
        f.write(dumps({"id": request.get("id"), "tag": tag, "head": head, "size": size, "limit_s": limit_s}))
    os.rename(STATE + ".part", STATE)
    resume(node)
    return "fetching"


def _read_state():
    try:
        with open(STATE) as f:
            return parse(f)
    except (OSError, ValueError):
        return {}


# Goes on where a reset has interrupted.
def resume(node):
    state = _read_state()
    if state.get("tag"):
        _busy.append(Fetch(node, state))


class Fetch:
    def __init__(self, node, state):
        self.node = node
        self.state = state
        self.bell = Bell()
        self._mark = bytes([int(state["tag"][i : i + 2], 16) for i in (0, 2, 4, 6)])
        self._at = -1  # the offset of the piece that is wanted
        self._file = None  # that is being written
        self.asked = None  # ticks since when a piece is waited for; None: it is working
        node.fetch = self
        self._got = None
        topic = "cmd/piece"
        self._n = min(node.config["in_bytes"] - len(node._prefix) - len(topic) - 2 - _PIECE_HEAD, _PIECE_MAX)
        if topic not in [pattern for pattern, _ in node.router.patterns]:
            node.on(topic, 0)(_arrived)
        self.task = create_task(self._run())

    async def _run(self):
        try:
            await self._fetch()
        except Refused as e:
            return await self._over("refused", e.args[0])
        except OSError as e:
            return await self._over("refused", "space" if e.args[0] == _NO_SPACE else "flash")
        except MemoryError:
            return await self._over("refused", "memory")
        except Exception:  # what is signed, and yet no bundle
            return await self._over("refused", "format")

    async def _over(self, state, why=None, version=None):
        from .swap import clearing, tell

        for _ in clearing():
            await sleep_ms(0)
        _busy.clear()
        self.node.fetch = None
        if state == "refused":
            self.node.error("unusable", "update: " + why)
        tell(self.node, self.state["id"], state, why, version)

    async def _fetch(self):
        from .swap import prepare, stale

        node = self.node
        await self._fetch_file(HEAD, 0, self.state["head"])
        header = verified(node.config["update_key"])
        if older(header["ver"]) and not header["down"]:
            raise Refused("downgrade")
        wanted = await self._wanted(header["size"])
        changed = [i for i in range(len(wanted)) if wanted[i]]
        if not changed and not stale(entries):
            return await self._over("current", None, header["ver"])
        at = self.state["head"]
        i = 0
        for sha, size, path in entries():
            if wanted[i]:
                await self._fetch_right(i, at, size, sha)
            at += size
            i += 1
        i = 0
        for sha, size, path in entries():  # all of it once more, as it lies in flash
            if wanted[i] and digest("/next/%d" % i) != sha:
                os.remove("/next/%d" % i)
                raise Refused("damaged")
            i += 1
            await sleep_ms(0)
        self._say({"id": self.state["id"], "state": "installing", "ver": header["ver"], "files": len(changed)}, "update", 1)
        prepare(entries, wanted, self.state["limit_s"])
        node.emit("update", {"id": self.state["id"], "state": "installing", "ver": header["ver"]})
        await sleep_ms(_GRACE_MS)
        node.reset("update to " + header["ver"], save=True)

    # Which files of the list differ from what is there: a flag each. Raises Refused: truncated, space.
    async def _wanted(self, size):
        wanted = bytearray()
        total = self.state["head"]
        blocks = _SPARE
        for sha, n, path in entries():
            total += n
            same = size_of(path) == n and digest(path) == sha
            wanted.append(0 if same else 1)
            if not same and size_of("/next/%d" % (len(wanted) - 1)) < 0:
                blocks += (n + _BLOCK - 1) // _BLOCK + 1
            await sleep_ms(0)
        if total != size or size != self.state["size"]:
            raise Refused("truncated")
        fs = os.statvfs("/")
        if fs[0] * fs[3] < blocks * _BLOCK:
            raise Refused("space")
        return wanted

    # File `i` of the list, whose content begins at `at`, into /next/i.
    async def _fetch_right(self, i, at, size, sha):
        path = "/next/%d" % i
        if size_of(path) == size:
            return
        for _ in range(_TRIES):
            await self._fetch_file(path + ".part", at, size)
            if digest(path + ".part") == sha:
                return os.rename(path + ".part", path)
            os.remove(path + ".part")
        raise Refused("damaged")

    # What is missing of a file, whose first byte is byte `at` of the bundle.
    async def _fetch_file(self, path, at, size):
        have = size_of(path)
        if have > size:
            os.remove(path)
            have = 0
        have = max(have, 0)
        if have == size and size_of(path) >= 0:
            return
        with open(path, "ab") as f:
            self._file = f
            synced = have
            while have < size:
                data = await self._piece(at + have, min(self._n, size - have))
                f.write(data)
                have += len(data)
                if have - synced >= _BLOCK:
                    f.flush()
                    synced = have
        self._file = None

    # The chip is about to sleep: what there is of the file stays.
    def rest(self):
        if self._file:
            self._file.flush()

    async def _piece(self, at, n):
        self._at = at
        self._got = None
        waited = 0
        wait = _WAIT_MS
        self.asked = ticks_ms()
        while waited < _PATIENCE_MS:
            if not self._say({"tag": self.state["tag"], "at": at, "n": n}, "piece", 0):
                await sleep_ms(_OFFLINE_MS)
                waited += _OFFLINE_MS
                self.asked = ticks_ms()
                continue
            rung = await self.bell.wait(wait)
            data = self._got
            if data:
                self._got = None
                if len(data) <= n:
                    self.asked = None
                    return data
            waited += wait
            wait = _WAIT_MS if rung else min(wait * 2, _WAIT_MAX_MS)  # rung without a piece: it has been announced anew
        raise Refused("abandoned")

    # Something bare for whoever serves the bundle. False: there is no connection.
    def _say(self, what, topic, qos):
        supervisor = self.node.supervisor
        if not supervisor or not supervisor.session.up:
            return False
        supervisor.tell(topic, dumps(what), flags=qos)
        return True

    def arrived(self, payload):
        if payload[:4] == self._mark and len(payload) > _PIECE_HEAD and unpack_from(">I", payload, 4)[0] == self._at:
            self._at = -1
            self._got = bytes(payload[_PIECE_HEAD:])
            self.bell.ring()


def _arrived(topic, payload):
    if _busy:
        _busy[0].arrived(payload)
