# update_rig.py - a node that takes new firmware over the air, life after life, on a flash that can be looked at: for tests.
import gc
import os
import sys
from binascii import hexlify
from hashlib import sha256
from json import dumps

from holdfast_bench.world.pieces import Pieces
import disk

KEY = "a-key-for-this-test-only"
BLOCKS = 40
POINT = "/flash"


class Reset(BaseException):
    pass


# What the script and the modules see of the chip.
class Machine:
    WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 3, 4, 5

    def __init__(self):
        self.cause = 2
        self.Timer = self
        self.ONE_SHOT = 0

    def __call__(self, id):
        return self

    def init(self, **settings):
        self.limit = settings

    def WDT(self, timeout):
        self.timeout = timeout

    def reset_cause(self):
        return self.cause

    def reset(self):
        raise Reset()


chip = Machine()
sys.modules["machine"] = chip

import holdfast.bundle as bundle  # noqa: E402
import holdfast.swap as swap  # noqa: E402
import holdfast.update as update  # noqa: E402

OLD = {"/main.py": b"old main" * 30, "/lib/holdfast/__init__.py": b"old init", "/lib/holdfast/gone.py": b"old gone" * 9, "/lib/holdfast/same.py": b"same", "/boot.py": b"boot"}
NEW = {"/main.py": b"new main" * 50, "/lib/holdfast/__init__.py": b"new init", "/lib/holdfast/same.py": b"same", "/lib/more/added.py": b"added" * 100, "/release": b"2.0.0\n"}


def hmac(key, data):
    key = key + bytes(64 - len(key))
    return sha256(bytes([b ^ 0x5C for b in key]) + sha256(bytes([b ^ 0x36 for b in key]) + data).digest()).digest()


# The bundle of `files`, as the host makes it (test_update_bundle.py holds the two against each other).
def made(files, key=KEY, version="2.0.0", down=False, mpy=None):
    lines = [dumps({"ver": version, "mpy": mpy, "down": down})]
    lines += ["%s %d %s" % (hexlify(sha256(files[p]).digest()).decode(), len(files[p]), p) for p in sorted(files)]
    body = "".join([line + "\n" for line in lines]).encode()
    head = 36 + len(body) + 65
    signed = b"holdfast-bundle 1 %08d %08d\n" % (head, head + sum([len(d) for d in files.values()])) + body
    return signed + hexlify(hmac(key.encode(), signed)) + b"\n" + b"".join([files[p] for p in sorted(files)])


class File:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def read(self, n):
        self.at += n
        return self.data[self.at - n : self.at]

    def readline(self):
        return self.read(self.data.index(b"\n", self.at) + 1 - self.at)

    def seek(self, at, whence=0):
        self.at = at + (len(self.data) if whence == 2 else 0)
        return self.at


class Session:
    up = proven = True


class Supervisor:
    session = Session()

    def __init__(self, node):
        self.node = node

    # Somebody who serves the bundle answers at once.
    def tell(self, topic, text, flags=1):
        node = self.node
        if topic == "piece" and node.pieces:
            wanted = node.pieces.wanted(text)
            if wanted:
                update._arrived("cmd/piece", node.damage(node.pieces.piece(*wanted)))


class Router:
    patterns = []


class Watchdog:
    def late(self, now):
        return None


class Node:
    _prefix = "holdfast/b1/"
    router = Router()
    watchdog = Watchdog()
    patient = True  # as on a battery: confirmed with the first message

    def __init__(self, data):
        self.config = {"in_bytes": 300, "update_key": KEY, "watchdog_s": 30, "useful_ms": 0}
        self.supervisor = Supervisor(self)
        self.pieces = Pieces(File(data)) if data else None
        self.damage = lambda piece: piece
        self.told = []

    def on(self, pattern, qos):
        return lambda handler: handler

    def emit(self, name, fields):
        if name == "update":
            self.told.append((fields["state"], fields.get("why")))

    def error(self, code, cause):
        pass

    def publish(self, topic, payload):
        pass

    def reset(self, why, save=False):
        raise Reset()


# ---- a flash that can be cut

class Flash:
    def __init__(self, files):
        self.image = disk.Image("/tmp/holdfast-update-%s" % hexlify(os.urandom(6)).decode(), BLOCKS)
        self.device = disk.mount(self.image, POINT, BLOCKS, fresh=True)
        at_root(lambda: put(files))

    def close(self):
        os.umount(POINT)
        self.device.free()
        self.image.close()


# What runs there believes that the flash is the root.
def at_root(work):
    here = os.getcwd()
    os.chdir(POINT)
    saved = [(m, m.__dict__.get("os"), m.__dict__.get("open")) for m in (bundle, swap, update)]
    try:
        for m in (bundle, swap, update):
            m.os = rooted
            m.open = rooted_open
        return work()
    finally:
        os.chdir(here)
        for m, old, _ in saved:
            m.os = old
            del m.open


def place(path):
    return POINT + path if path[0] == "/" else path


class Rooted:
    def rename(self, old, new):
        os.rename(place(old), place(new))

    def ilistdir(self, path):
        return os.ilistdir(place(path))

    def statvfs(self, path):
        return os.statvfs(POINT)

    def __getattr__(self, name):
        return lambda path: getattr(os, name)(place(path))


rooted = Rooted()


def rooted_open(path, mode="r"):
    return open(place(path), mode)


def put(files):
    for path in sorted(files):
        folder = ""
        for part in path.split("/")[1:-1]:
            folder += "/" + part
            try:
                os.mkdir(place(folder))
            except OSError:
                pass
        with rooted_open(path, "wb") as f:
            f.write(files[path])


# All files but those of an update that is under way.
def found(folder=""):
    files = {}
    for row in os.ilistdir(POINT + folder):
        path = folder + "/" + row[0]
        if row[1] == 0x4000:
            if path != "/next":
                files.update(found(path))
        else:
            with rooted_open(path, "rb") as f:
                files[path] = f.read()
    return files


def expected(new):
    files = dict(OLD)
    if new:
        files.update(NEW)
        del files["/lib/holdfast/gone.py"]
    return files


# ---- lives of the node

class Time:
    def sleep_ms(self, ms):
        pass


with open(swap.__file__.rsplit("/", 2)[0] + "/boot.py") as _f:
    BOOT = _f.read()


# boot.py, with everything else of the firmware found on the flash. Raises Reset.
def boot():
    time = sys.modules.get("time")
    sys.modules["os"] = rooted
    sys.modules["machine"] = chip
    sys.modules["time"] = Time()
    try:
        exec(BOOT, {"open": rooted_open})
    finally:
        sys.modules["os"] = os
        if time:
            sys.modules["time"] = time
        else:
            del sys.modules["time"]


def in_loop(node, begin):
    import asyncio
    from time import ticks_diff, ticks_ms

    async def main():
        begin(node)
        began = ticks_ms()
        while ticks_diff(ticks_ms(), began) < 20000:
            await asyncio.sleep_ms(0)
            for task in tasks:
                if task.done():
                    await task  # its exception
            if all([task.done() for task in tasks]):
                return

    tasks = []
    create = asyncio.create_task

    def kept(coro):
        tasks.append(create(coro))
        return tasks[-1]

    update.create_task = swap.create_task = kept
    update._busy.clear()
    update.sleep_ms = lambda ms: asyncio.sleep_ms(0)
    try:
        asyncio.run(main())
    finally:
        asyncio.new_event_loop()
        update._busy.clear()


def request(node):
    return {"id": 1, "tag": node.pieces.tag, "head": node.pieces.head, "size": node.pieces.size, "limit_s": 60}


# One start: what boot.py does, and a node that looks what there is. works: does the firmware that is there get a message through? announce: the bundle is
# announced unless one is being fetched. Returns what was told.
def live(data, works=True, announce=True):
    boot()
    node = Node(data)
    new = found() == expected(True)
    if new and not works:
        return node.told

    def begin(node):
        try:
            os.stat(POINT + "/next")
        except OSError:
            if announce and not new:
                update.announced(node, request(node))
            else:
                node.told.append(("nothing", None))
            return
        swap.follow(node)
        if announce and not update._busy and not new:
            try:
                update.announced(node, request(node))
            except ValueError:
                pass

    in_loop(node, begin)
    return node.told


# Lives until nothing is left to be done. Returns all that was told.
def lives(data, works=True, limit=12):
    told = []
    asked = False
    for _ in range(limit):
        try:
            told += at_root(lambda: live(data, works, not asked))
        except Reset:
            pass
        asked = asked or found() == expected(True) or "taken back" in [state for state, _ in told]
        if asked and not there("/next"):
            return told
    return told + [("no end", None)]


def there(path):
    try:
        return os.stat(POINT + path)
    except OSError:
        return None
