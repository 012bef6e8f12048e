"""docs/rtc-format.md says where the modules of the firmware keep what, and no two of them share a byte."""

import re
import struct
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware" / "holdfast"
PAGE = (ROOT / "docs" / "rtc-format.md").read_text()


def constant(module, name):
    found = re.search(r"^%s = (?:const\()?([^\s)#]+)" % name, (FIRMWARE / (module + ".py")).read_text(), re.M)
    assert found, "%s.py has no %s" % (module, name)
    return found.group(1)


def number(module, name):
    return int(constant(module, name), 0)


def format_of(module, name):
    return constant(module, name).strip('"')


def size_of(module, name, form):
    """Bytes that the part takes, for all brokers together."""
    return struct.calcsize(">" + format_of(module, form).strip(">") if form else "B") * REPEATED.get(name, 1)


def table(title):
    """Rows of the first table below a heading, as lists of cells."""
    text = PAGE.split("## " + title, 1)[1]
    lines = text[text.index("\n|") + 1 :].split("\n\n", 1)[0].splitlines()
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines[2:]]


def resume_rows():
    return [row for row in table("Resume record") if row[0].isdigit() and len(row) == 4]


# module, constant with the offset, its format ("B" where the module reads a single byte)
PLACES = [
    ("topics", "_RESUME", "_RESUME_FORM"), ("lives", "_BOOTS", "_BOOTS_FORM"), ("ladder", "_LADDER", "_LADDER_FORM"),
    ("supervisor", "_BROKER", None), ("path", "_NETWORK", None), ("supervisor", "_WIFI", "_WIFI_FORM"),
    ("endpoint", "_RETRY", "_RETRY_FORM"), ("path", "_RADIO", "_RADIO_FORM"), ("path", "_LEASE", "_LEASE_FORM"),
    ("endpoint", "_ADDRESS", "_ADDRESS_FORM"), ("received", "_RESUME", "_RESUME_FORM"), ("clock", "_LAST", "_LAST_FORM"), ("events", "_DROPS", "_DROPS_FORM"), ("lives", "_ERRORS", "_ERRORS_FORM"),
    ("spool", "_PROGRESS", "_PROGRESS_FORM"), ("duty", "_DUTY", "_DUTY_FORM"),
]
# places of `path` that `paths`, above it, uses too: its constant, that of path
OVERLAID = [("paths", "_PATH", "_NETWORK"), ("paths", "_RADIO", "_RADIO")]
# trial empties what is known of networks and brokers, whose places in the configuration are others then
CLEARED = ("trial", "_RECORD", "_RECORD_FORM")
OF_NETWORKS_AND_BROKERS = {"_BROKER", "_NETWORK", "_WIFI", "_RETRY", "_RADIO", "_LEASE", "_ADDRESS"}
REPEATED = {"_RETRY": 3, "_ADDRESS": 3}  # brokers


@pytest.mark.parametrize("module,name,form", PLACES)
def test_page_says_where_each_module_keeps_its_part(module, name, form):
    wanted = [str(number(module, name)), format_of(module, form) if form else "B", module]
    assert wanted in [row[:3] for row in resume_rows()]


def test_every_line_of_the_page_is_some_modules_part():
    known = {(number(module, name), module) for module, name, _ in PLACES}
    assert {(int(row[0]), row[2]) for row in resume_rows() if row[2] != "–"} == known


def test_every_place_that_the_firmware_uses_is_known_here():
    for path in FIRMWARE.glob("*.py"):
        for name in re.findall(r"\.(?:peek|poke)\((_[A-Z]+)", path.read_text()):
            assert any(path.stem == module and name == place for module, place, _ in [*PLACES, CLEARED, *OVERLAID]), (path.stem, name)


def test_paths_keep_what_they_know_where_path_does_and_no_further():
    for module, name, below in OVERLAID:
        assert number(module, name) == number("path", below)
    assert struct.calcsize(format_of("paths", "_RADIO_FORM")) == number("path", "_LEASE") + struct.calcsize(format_of("path", "_LEASE_FORM")) - number("path", "_RADIO")


def test_another_configuration_takes_what_is_known_of_networks_and_brokers_and_nothing_else():
    module, name, form = CLEARED
    start = number(module, name)
    end = start + struct.calcsize(format_of(module, form))
    reached = {place for owner, place, its_form in PLACES if number(owner, place) < end and number(owner, place) + size_of(owner, place, its_form) > start}
    assert reached == OF_NETWORKS_AND_BROKERS
    assert "%d to %d" % (start, end - 1) in PAGE


def test_no_two_modules_share_a_byte_and_all_lie_between_the_hot_part_and_the_crc():
    used = {}
    for module, name, form in PLACES:
        start = number(module, name)
        for at in range(start, start + size_of(module, name, form)):
            assert at not in used, (module, used[at], at)
            used[at] = module
    assert min(used) == struct.calcsize(format_of("block", "_HOT")) and max(used) < number("block", "_BODY")


def test_numbers_of_the_page_are_those_of_the_code():
    header, body = number("block", "_HEADER"), number("block", "_BODY")
    assert header == body + 4
    assert "| size − %d | %d | **header A** |" % (2 * header, header) in PAGE and "0x%02X" % number("block", "_FORMAT") in PAGE
    fields = [row for row in table("Header") if row[1] in ("B", "H", "I", "i")]
    sizes = struct.calcsize(">" + "".join(row[1] for row in fields[:-1]))
    assert ">" + "".join(row[1] for row in fields[:-1]) == format_of("block", "_HOT")
    assert int(fields[-1][0]) == body and sizes == struct.calcsize(format_of("block", "_HOT"))


def test_head_of_a_segment_is_as_the_page_says():
    fields = table("Segments in flash")
    assert ">" + "".join(row[1] for row in fields[:12]) == format_of("segment", "_HEAD")
    assert number("segment", "_HEAD_SIZE") == struct.calcsize(format_of("segment", "_HEAD")) + 4 == int(fields[13][0])


def test_both_halves_of_the_block_agree():
    for name in ("_FORMAT", "_HEADER", "_BODY", "_NEVER", "_HOT"):
        assert constant("block", name) == constant("layout", name)
