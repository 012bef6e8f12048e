# New firmware over the air (R42): fetched piece by piece, put into place, kept when a message gets through and taken back otherwise; what is wrong is refused by name.

HEAP = "600k"
CHIP = True
LIMIT_S = 1800

from holdfast_bench.world.pieces import Pieces
from update_rig import BLOCKS, File, Flash, NEW, Node, OLD, Reset, at_root, chip, expected, found, in_loop, live, lives, made, request, there
import holdfast.update as update  # noqa: E402


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
