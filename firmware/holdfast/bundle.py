# bundle.py - reads the head of a signed bundle that lies in flash: signature, versions, list of files (docs/updates.md has the format).
# May import: hashlib, binascii, json, release of the package.   Time: none.   Blocks: hashing a head of some KB, a few ms.
from binascii import hexlify
from hashlib import sha256
from json import loads
from micropython import const
import os
import sys

HEAD = "/next/head"
_MAGIC = "holdfast-bundle 1 "
_SIGNATURE = const(65)  # bytes of the last line of the head
_CHUNK = const(512)
_LINE_MAX = const(300)
_KEPT = ("/boot.py", "/config.json", "/next", "/spool", "/_")  # these beginnings of paths are not for a bundle


# The bundle is not taken: args[0] is the reason in a word.
class Refused(ValueError):
    pass


def size_of(path):
    try:
        return os.stat(path)[6]
    except OSError:
        return -1


# Calls update(bytes) with the first n bytes of a file, n < 0: all of it.
def _feed(update, path, n=-1):
    with open(path, "rb") as f:
        while n:
            data = f.read(_CHUNK if n < 0 else min(_CHUNK, n))
            if not data:
                break
            update(data)
            if n > 0:
                n -= len(data)


# SHA-256 of a file, in hex.
def digest(path):
    h = sha256()
    _feed(h.update, path)
    return hexlify(h.digest()).decode()


# HMAC-SHA256 (RFC 2104) of the first n bytes of a file, in hex. key: bytes.
def hmac(key, path, n):
    if len(key) > 64:
        key = sha256(key).digest()
    key = key + bytes(64 - len(key))
    inner = sha256(bytes([b ^ 0x36 for b in key]))
    _feed(inner.update, path, n)
    outer = sha256(bytes([b ^ 0x5C for b in key]))
    outer.update(inner.digest())
    return hexlify(outer.digest()).decode()


# The header of the head in flash, a dict, once the signature is right. Raises Refused: signature, format, mpy.
def verified(key):
    n = size_of(HEAD) - _SIGNATURE
    if n <= 0:
        raise Refused("format")
    with open(HEAD, "rb") as f:
        f.seek(n)
        told = f.read(_SIGNATURE)
    wrong = 0  # all of it is compared: how long that takes tells nothing
    for a, b in zip(hmac(key.encode(), HEAD, n) + "\n", str(told, "utf-8")):
        wrong |= ord(a) ^ ord(b)
    if wrong or len(told) != _SIGNATURE:
        raise Refused("signature")
    # From here on it is the owner's word.
    with open(HEAD) as f:
        first = f.readline()
        header = loads(f.readline())
    if not first.startswith(_MAGIC) or int(first[18:26]) != n + _SIGNATURE:
        raise Refused("format")
    header["size"] = int(first[27:35])
    if header["mpy"] is not None and header["mpy"] != getattr(sys.implementation, "_mpy", 0) & 255:
        raise Refused("mpy")
    return header


# The files of the bundle in their order: (SHA-256 in hex, size, path). Raises Refused.
def entries():
    with open(HEAD) as f:
        f.readline()
        f.readline()
        while True:
            line = f.readline()
            if len(line) <= _SIGNATURE:
                return
            parts = line[:-1].split(" ", 2)
            if len(line) > _LINE_MAX or len(parts) != 3 or len(parts[0]) != 64:
                raise Refused("format")
            path = parts[2]
            if path[0] != "/" or "/../" in path or "//" in path or [kept for kept in _KEPT if path.startswith(kept)]:
                raise Refused("path")
            yield parts[0], int(parts[1]), path


# "1.10.2" as (1, 10, 2).
def _numbers(version):
    return tuple([int(part) if part.isdigit() else 0 for part in version.split(".")])


def older(version):
    from . import release

    return _numbers(version) < _numbers(release())
