# New firmware over the air (R42, R31): whatever instant the power fails at, the node has the old firmware or the new one, whole, and gets to an end.
import gc
import os
import sys
from binascii import hexlify
from hashlib import sha256
from json import dumps

HEAP = "600k"
CHIP = True
LIMIT_S = 1800

from holdfast_bench.world.pieces import Pieces
import disk

KEY = "a-key-for-this-test-only"
BLOCKS = 40
POINT = "/flash"


class Cut(BaseException):
    pass


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


def test_a_bundle_is_fetched_put_into_place_and_kept():
    flash = Flash(OLD)
    told = lives(made(NEW))
    assert told[-1][0] == "kept", told
    assert found() == expected(True), found().keys()
    flash.close()


def test_firmware_that_gets_no_message_through_is_taken_back():
    flash = Flash(OLD)
    told = lives(made(NEW), works=False)
    assert told[-1] == ("taken back", "starts: 2222"), told
    assert found() == expected(False)
    flash.close()


def test_wakes_from_deep_sleep_are_no_starts_that_fail():
    flash = Flash(OLD)
    data = made(NEW)
    try:
        at_root(lambda: live(data))
    except Reset:
        pass
    chip.cause = 4
    try:
        for _ in range(20):
            assert at_root(lambda: live(data, works=False)) == []
        chip.cause = 3
        told = lives(data, works=False)
        assert told[-1] == ("taken back", "starts: " + "4" * 20 + "333"), told
    finally:
        chip.cause = 2
    flash.close()


def refusal(data, files=OLD, damage=None, config=None):
    flash = Flash(files)
    before = found()
    node = Node(data)
    node.config.update(config or {})
    if damage:
        node.damage = damage
    at_root(lambda: in_loop(node, lambda node: update.announced(node, request(node))))
    assert found() == before and not there("/next"), "nothing is changed, nothing left"
    flash.close()
    return node.told[-1]


def test_what_is_wrong_is_refused_by_name_and_changes_nothing():
    assert refusal(made(NEW, key="another-key-altogether")) == ("refused", "signature")
    assert refusal(made(NEW, version="0.0.9")) == ("refused", "downgrade")
    assert refusal(made(NEW, mpy=5)) == ("refused", "mpy")
    for path in ("/boot.py", "/config.json", "/config.json.try", "/next/state", "/lib/../boot.py", "/spool/1", "lib/x.py"):
        assert refusal(made(dict(NEW, **{path: b"x"}))) == ("refused", "path"), path
    data = made(NEW)
    flipped = data[:-1] + bytes([data[-1] ^ 1])
    assert refusal(flipped) == ("refused", "damaged")
    for at in (45, 70, 150, Pieces(File(data)).head - 30):  # of the head: whatever is touched, the signature tells
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            pieces = Pieces(File(flipped))
        except ValueError:
            continue  # not even the host takes it for one
        assert refusal(flipped) == ("refused", "signature"), at
    assert refusal(made({"/main.py": b"x"}), files=dict(OLD, **{"/main.py": b"x"})) == ("current", None)


def test_a_file_system_without_room_is_said_before_anything_is_fetched():
    assert refusal(made(dict(NEW, **{"/big": b"x" * (BLOCKS * 4096)}))) == ("refused", "space")


def test_pieces_of_another_bundle_and_of_other_places_are_passed_over():
    flash = Flash(OLD)
    data = made(NEW)
    node = Node(data)
    good = node.pieces.piece
    seen = []

    # Before each right piece some wrong ones come.
    def tell(topic, text, flags=1):
        wanted = node.pieces.wanted(text) if topic == "piece" else None
        if wanted:
            piece = good(*wanted)
            for wrong in (b"", piece[:7], piece[:8], b"\0\0\0\0" + piece[4:], piece[:7] + bytes([piece[7] ^ 1]) + piece[8:], b"\xff" * 400):
                update._arrived("cmd/piece", wrong)
            update._arrived("cmd/piece", piece)
            seen.append(wanted)

    node.supervisor.tell = tell
    try:
        at_root(lambda: in_loop(node, lambda node: update.announced(node, request(node))))
        assert False, "it starts again"
    except Reset:
        pass
    assert sum([n for _, n in seen]) < len(data), "nothing twice, and what is there already not at all"
    flash.close()


# ---- power cuts

# The power fails after `left` more bytes written. Returns whether it did.
def cut_in(flash, left, work):
    budget = [left]

    def on_write(offset, buf):
        n = len(buf)
        if budget[0] < n:
            kept = bytes(buf[: budget[0]])
            budget[0] = 0  # whatever the program still closes while it unwinds goes nowhere: a chip without power unwinds nothing
            flash.image._file.seek(offset)
            flash.image._file.write(kept)
            raise Cut()
        budget[0] -= n

    flash.image.on_write = on_write
    try:
        work()
        return False
    except Cut:
        return True
    except Reset:
        return False
    finally:
        flash.image.on_write = None


# What files that a cut has left open are closed on, when the collector finds them.
class Gone:
    def read(self, offset, buf):
        pass

    def erase(self, sector):
        pass

    def program(self, offset, buf):
        pass


_block = bytearray(4096)
_copies = []


def copy(source, target):
    source.seek(0)
    target.seek(0)
    for _ in range(BLOCKS):
        source.readinto(_block)
        target.write(_block)


# The flash as it is, in a file of the host.
def snapshot(flash):
    _copies.append(flash.image.path + ".%d" % len(_copies))
    target = open(_copies[-1], "w+b")
    copy(flash.image._file, target)
    return target


# None: as it is, but found anew.
def restore(flash, state):
    try:
        os.umount(POINT)
    except OSError:
        pass
    flash.device.free()
    flash.device.flash = Gone()
    gc.collect()
    if state:
        copy(state, flash.image._file)
    flash.device = disk.mount(flash.image, POINT, BLOCKS)


# Offsets, in bytes written, at which a write of this life ends.
def ends_of_writes(flash, state, work):
    restore(flash, state)
    ends = [0]
    flash.image.on_write = lambda offset, buf: ends.append(ends[-1] + len(buf))
    try:
        at_root(work)
    except Reset:
        pass
    flash.image.on_write = None
    return ends[1:]


# step: bytes from one cut to the next, None: one between any two writes of the life that puts the new files into place.
def sweep(works, step):
    data = made(NEW)
    flash = Flash(OLD)
    states = [snapshot(flash)]  # the flash at the beginning of each life
    for _ in range(8):
        try:
            at_root(lambda: live(data, works))
        except Reset:
            pass
        states.append(snapshot(flash))
        if not there("/next"):
            break
    outcome = expected(works)
    cuts = 0
    for state in states[:-1] if step else states[1:2]:
        ends = ends_of_writes(flash, state, lambda: live(data, works)) if step is None else None
        left = 1
        while True:
            if ends is not None:
                if not ends:
                    break
                left = ends.pop(0)
            restore(flash, state)
            if not cut_in(flash, left, lambda: at_root(lambda: live(data, works))):
                break
            cuts += 1
            restore(flash, None)
            told = lives(data, works)
            assert found() == outcome, (left, told, found().keys())
            # Nothing at all only when the life that was cut had told everything, and just the empty folder was left.
            assert not told or told[-1][0] in ("kept", "taken back", "nothing", "current"), (left, told)
            assert not there("/next"), (left, told)
            left += step or 0
    flash.close()
    for state in states:
        state.close()
    while _copies:
        os.remove(_copies.pop())
    print(len(states) - 1, "lives,", cuts, "cuts")
    assert cuts > 8


def test_wherever_the_power_fails_the_new_firmware_comes_whole():
    sweep(True, 1999)


def test_wherever_the_power_fails_broken_firmware_goes_whole():
    sweep(False, 2999)


def test_between_any_two_writes_of_the_swap_the_power_may_fail():
    sweep(True, None)
    sweep(False, None)


def test_soak_a_cut_at_every_few_bytes_and_the_new_firmware_comes_whole():
    sweep(True, 61)


def test_soak_a_cut_at_every_few_bytes_and_broken_firmware_goes_whole():
    sweep(False, 61)
