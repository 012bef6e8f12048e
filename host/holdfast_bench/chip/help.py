"""help(), written by the console: the interpreter's own would print past it."""

WELCOME = """\
This is MicroPython on a virtual ESP32. It behaves as the real one does; docs/twin.md of Holdfast lists where it does not.

  Ctrl-A  raw REPL             Ctrl-B  friendly REPL
  Ctrl-C  interrupt            Ctrl-D  soft reset (on an empty line)
  Ctrl-E  paste mode           help(x) what x has;  help('modules') what can be imported
"""

# Of the interpreter; what the fakes and the file system add is looked up.
BUILT_IN = ("__main__", "array", "asyncio", "binascii", "builtins", "cmath", "collections", "cryptolib", "deflate", "framebuf", "gc", "hashlib", "heapq", "io",
            "json", "math", "platform", "random", "re", "struct", "tls", "uctypes", "umqtt/simple", "websocket")
_COLUMN, _COLUMNS = 18, 4


def help(*what):
    if not what:
        print(WELCOME, end="")
    elif what[0] == "modules":
        names = sorted(list(BUILT_IN) + [name for name in _fakes() if name not in BUILT_IN])
        lines = -(-len(names) // _COLUMNS)
        for i in range(lines):
            print("".join(["%-18s" % name for name in names[i::lines]]).rstrip())
        print("Plus any modules on the filesystem")
    else:
        obj = what[0]
        print("object %s is of type %s" % (obj, type(obj).__name__))
        for name in dir(obj):
            if not name.startswith("__"):
                try:
                    print("  %s -- %s" % (name, getattr(obj, name)))
                except AttributeError:
                    pass


def _fakes():
    from .boot import FAKES
    return FAKES
