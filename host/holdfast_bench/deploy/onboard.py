"""What runs on the board while it is deployed to: a look at its files, the check of what was staged, and the commit. Text only.

The commit is a redo log: a script beside the staged files that renames them into place and may be run again from the start. It
comes into being, by a rename, once everything has arrived and is right; from then on boot.py finishes it. A cut before leaves
the old firmware, a cut after leads to the new one. Plain MicroPython, as small as may be.
"""

import hashlib

STAGE = "/next"
COMMIT = STAGE + "/commit.py"       # boot.py knows this name
COMMIT_PART = STAGE + "/commit.part"

_HASH = """
import os,sys
from hashlib import sha256
from binascii import hexlify
def digest(p):
    h=sha256()
    f=open(p,'rb')
    b=f.read(512)
    while b:
        h.update(b)
        b=f.read(512)
    f.close()
    return hexlify(h.digest()).decode()
"""

# One line for each file of ours, then what else there is to know. Other files are none of our business.
_LOOK = _HASH + """
def look(p):
    try:
        if os.stat(p)[0]&0x4000:
            for n in os.listdir(p):
                look(p+'/'+n)
        else:
            print('file',digest(p),p)
    except OSError:
        pass
for p in %r:
    look(p)
try:
    import umqtt.simple
    print('has umqtt')
except ImportError:
    pass
try:
    f=open('/boot.py')
    while 1:
        n=f.readline()
        if not n: break
        if %r in n: print('boot finishes')
except OSError:
    pass
s=os.statvfs('/')
print('free',s[0]*s[3])
print('version','.'.join(str(n) for n in sys.implementation.version[:3]))
print('mpy',getattr(sys.implementation,'_mpy',0)&255)
print('end')
"""

_READY = _HASH + """
for p,want in %r:
    if digest(p)!=want:
        raise ValueError('damaged on the way: '+p)
os.rename(%r,%r)
exec(open(%r).read())
print('committed',%d)
"""

# Opening a file to write comes first: littlefs then ends a rename that a cut left half done. Before that it may not find the
# neighbour of what was renamed.
_COMMIT = """
import os
open(%r,'w').close()
def there(p):
    try:
        return os.stat(p)
    except OSError:
        pass
for p in %r:
    if there(%r+p):
        d=''
        for n in p.split('/')[1:-1]:
            d+='/'+n
            there(d) or os.mkdir(d)
        os.rename(%r+p,p)
for p in %r:
    there(p) and os.remove(p)
def gone(d):
    for e in os.ilistdir(d):
        q=d+'/'+e[0]
        if e[1]==0x4000:
            gone(q)
            os.rmdir(q)
        elif q!=%r:
            os.remove(q)
gone(%r)
os.remove(%r)
os.rmdir(%r)
"""


def look(paths):
    return _LOOK % (tuple(paths), COMMIT)


def commit(paths, stale):
    """The redo log: staged files into their places, in this order; then `stale` ones go."""
    return _COMMIT % (STAGE + "/busy", list(paths), STAGE, STAGE, list(stale), COMMIT, STAGE, COMMIT, STAGE)


def ready(hashes, log):
    """Checks what was staged ([(path, sha256)], and `log`, the redo log's bytes), makes the redo log stand, and runs it."""
    wanted = [(STAGE + path, digest) for path, digest in hashes] + [(COMMIT_PART, hashlib.sha256(log).hexdigest())]
    return _READY % (wanted, COMMIT_PART, COMMIT, COMMIT, len(hashes))
