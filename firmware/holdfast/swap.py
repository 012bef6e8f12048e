# swap.py - puts the files of a bundle into place at the next start, all or none, and sees to it that firmware which gets no message through is gone
# again. Loaded while an update is under way or on trial.
# May import: asyncio, json, machine, os, time, update, release of the package; the node is handed in.   Time: ticks.   Blocks: writing small files, some 50 ms each.
#
# What decides is no part of what is exchanged: a script, /next/commit.py, which boot.py runs at every start while it is there. First it moves the new
# files into place and the old ones to /next/<number>.old; it may be cut off anywhere and run again. Then it counts starts, with the watchdog armed and a
# timer set, and takes everything back when there are too many. Only the new firmware itself ends that, by removing the script, when it is online.
from asyncio import create_task, sleep_ms
from json import dumps, loads
import machine
from micropython import const
import os
from time import ticks_diff, ticks_ms

_LOOK_MS = const(500)
_SCRIPT = "/next/commit.py"
_LIST = "/next/list"
_PACKAGE = "/lib/holdfast/"

# R, A: file that replaces one, or is added; S: file that is no longer wanted. Opening a file to write comes first: littlefs then ends a
# rename that a cut left half done. A start counts 32, a wake from deep sleep 1.
_COMMIT = """def go():
    import machine,os
    def there(p):
        try:
            os.stat(p)
            return True
        except OSError:
            return False
    def put(p,t,m):
        with open(p,m) as f: f.write(t)
    def rows():
        with open('/next/list') as f:
            for l in f:
                k,n,p=l[:-1].split(' ',2)
                yield k,'/next/'+n,p
    def swap():
        put('/next/busy','','w')
        for k,n,p in rows():
            if k=='S':
                if there(p): os.rename(p,n+'.old')
            elif there(n):
                if k=='R':
                    if there(p): os.rename(p,n+'.old')
                else:
                    d=''
                    for x in p.split('/')[1:-1]:
                        d+='/'+x
                        there(d) or os.mkdir(d)
                os.rename(n,p)
        put('/next/tried','','w')
    def back():
        if not there('/next/back'):
            for k,n,p in rows():
                if k=='R' and not there(n) and not there(n+'.old') or k=='S' and not there(p) and not there(n+'.old'):
                    return
            put('/next/back','','w')
        for k,n,p in rows():
            if k!='A':
                if there(n+'.old'): os.rename(n+'.old',p)
            elif there(p) and not there(n): os.remove(p)
    def late(t):
        if there('/next/commit.py'): machine.reset()
    machine.WDT(timeout=30000)
    try:
        put('/next/starts',str(machine.reset_cause()),'a')
        with open('/next/starts') as f: n=sum([1 if c=='4' else 32 for c in f.read()])
        over=n>96 or there('/next/back')
        if not over and not there('/next/tried'): swap()
    except Exception:
        over=True
    if over:
        back()
        os.rename('/next/commit.py','/next/failed')
        machine.reset()
    try:
        machine.Timer(1).init(mode=machine.Timer.ONE_SHOT,period=%d,callback=late)
    except Exception:
        pass
go()
del go
"""


def _there(path):
    try:
        return os.stat(path)
    except OSError:
        return None


# Files of the package that the list does not name. Only a list that has the package itself says so.
def stale(entries):
    listed = [path for _, _, path in entries() if path.startswith(_PACKAGE)]
    if not [path for path in listed if path.startswith(_PACKAGE + "__init__.")]:
        return []
    return [_PACKAGE + row[0] for row in os.ilistdir(_PACKAGE[:-1]) if row[1] != 0x4000 and _PACKAGE + row[0] not in listed]


# Everything lies in /next and is right: from the last line here on, the next start is one with the new files. wanted: a flag for each entry.
def prepare(entries, wanted, limit_s):
    for name in ("tried", "starts", "back", "busy"):
        _remove("/next/" + name)
    i = 0
    with open(_LIST, "w") as f:
        for _, _, path in entries():
            if wanted[i]:
                f.write("%s %d %s\n" % ("R" if _there(path) else "A", i, path))
            i += 1
        for path in stale(entries):
            f.write("S %d %s\n" % (i, path))
            i += 1
    with open(_SCRIPT + ".part", "w") as f:
        f.write(_COMMIT % (limit_s * 1000))
    os.rename(_SCRIPT + ".part", _SCRIPT)


# At the start of a life with a /next: is an update to be told of, to be seen through, to be gone on with?
def follow(node):
    if _there("/next/failed"):
        create_task(_end(node, "taken back", _read("/next/starts")))
    elif _there("/next/kept"):
        create_task(_end(node, "kept"))
    elif _there(_SCRIPT) and _there("/next/tried"):
        create_task(_judge(node))
    elif _there("/next/state") and node.config["update_key"]:
        from .update import resume

        resume(node)
    else:
        _close()


# The folder goes, if nothing is in it any more.
def _close():
    try:
        os.rmdir("/next")
    except OSError:
        pass


def _read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass


# Removes everything that is left, a file at each step, the one that says how it went last.
def clearing():
    try:
        names = [row[0] for row in os.ilistdir("/next") if row[1] != 0x4000]
    except OSError:
        return
    for last in (False, True):
        for name in names:
            if (name in ("failed", "kept", "state")) == last:
                _remove("/next/" + name)
                yield
    _close()


# The end of an update, to receivers and console. why: a word.
def tell(node, number, state, why=None, version=None):
    from . import release

    told = {"id": number, "state": state, "ver": version or release()}
    if why:
        told["why"] = why
    node.emit("update", dict(told))
    try:
        node.publish("update", dumps(told))
    except Exception:
        pass  # it is being stopped, or has no room: the console knows


async def _end(node, state, starts=""):
    number = None
    try:
        number = loads(_read("/next/state"))["id"]
    except (ValueError, KeyError):
        pass
    tell(node, number, state, starts and "starts: " + starts)
    for _ in clearing():
        await sleep_ms(0)


# Sees the new firmware through: kept when it has a session in which something was acknowledged, for as long as makes a connection useful. A node
# on a battery has not that long.
async def _judge(node):
    cfg = node.config
    limit_ms = _limit_ms()
    if not cfg["watchdog_s"]:
        machine.WDT(timeout=limit_ms + 60000)  # it is armed: somebody has to
    began = ticks_ms()
    since = None
    while ticks_diff(ticks_ms(), began) < limit_ms:
        session = node.supervisor.session
        now = ticks_ms()
        if not session.up or not session.proven or node.watchdog.late(now):
            since = None
        elif since is None:
            since = now
        if since is not None and (node.patient or ticks_diff(now, since) >= cfg["useful_ms"]):
            os.rename(_SCRIPT, "/next/kept")
            await _end(node, "kept")
            if not cfg["watchdog_s"] and not node.patient:
                await sleep_ms(_LOOK_MS)
                node.reset("update kept")
            return
        await sleep_ms(100 if node.patient else _LOOK_MS)
    node.reset("no message got through with the new firmware")


def _limit_ms():
    try:
        return loads(_read("/next/state"))["limit_s"] * 1000
    except (ValueError, KeyError):
        return 300000
