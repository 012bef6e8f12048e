# tears.py - lives whose writes are cut off, and damaged memory: a sample of what `make soak` does in full. Prints "<what> <faults> <how>".
#
# argv: what, folders to import from.
import sys

sys.path[:0] = sys.argv[2].split(":")
what = sys.argv[1]


def rtc():
    from test_tears import Recorded

    done = Recorded(21, 0.25, (2048,)).run(500)
    return "%d operations, a quarter of their %d writes torn at every byte: %d lives" % (done.operations, done.writes, done.images)


def damage():
    from test_tears import corruptions

    counts = corruptions(22, 2000)
    return "2000 times bit flips, zeroed spans or noise: %d blocks that lost a record, %d whole, %d without a header" % (counts["lost"], counts["whole"], counts["headers"])


def flash(fat):
    from spool_rig import mounted
    from test_spool_cuts import Recorded

    with mounted(fat=fat) as disk:
        done = Recorded(23, disk, 0.5).run(200)
    return "%d operations, half of the %d writes to %s cut off: %d lives" % (done.operations, disk.image.writes, "FAT" if fat else "littlefs", done.checks)


DONE = {"rtc": rtc, "damage": damage, "littlefs": lambda: flash(False), "fat": lambda: flash(True)}
try:
    print(what, 0, DONE[what]())
except Exception as e:
    sys.print_exception(e, sys.stderr)
    print(what, 1, "a life ended with %r" % e)
