# runner.py - run by MicroPython: `runner.py PATHS FILE NAME...` runs these functions of a test file and says how each ended,
# as records for conftest.py: RS and a JSON object on a line of its own.
import gc
import json
import sys


def say(**record):
    print("\x1e" + json.dumps(record))


def main(paths, file, names):
    sys.path[:] = paths.split(":") + [p for p in sys.path if p and p[0] == "."]
    folder, _, name = file.rpartition("/")
    sys.path.insert(0, folder)
    module = __import__(name[:-3])
    for name in names:
        gc.collect()
        say(test=name)
        try:
            getattr(module, name)()
            say(test=name, how="ok", why="")
        except Exception as e:
            sys.print_exception(e)
            say(test=name, how="fail", why="")


main(sys.argv[1], sys.argv[2], sys.argv[3:])
