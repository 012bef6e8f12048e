# The page of the first set-up (R42): what comes from whoever is in range is read within bounds, or refused.
from random import getrandbits, seed

from holdfast.portal import Bad, answer, escaped, form, request, unquoted

HERE = bytes((192, 168, 4, 1))


def refused(what, data):
    try:
        what(data)
    except Bad:
        return True
    return False


def test_a_form_as_browsers_send_it():
    assert form(b"ssid=my+net%20%26+more&key=p%C3%A4ss%25&port=&x") == {"ssid": "my net & more", "key": "p\xe4ss%", "port": "", "x": ""}
    assert form(b"") == {}
    for bad in (b"a=%", b"a=%4", b"a=%zz", b"a=%ff", b"a=%-1", b"&".join([b"f%d=1" % i for i in range(40)])):
        assert refused(form, bad), bad


def test_requests():
    assert request(b"GET / HTTP/1.1\r\nHost: x") == (b"GET", b"/", 0)
    assert request(b"POST / HTTP/1.1\r\ncontent-LENGTH: 12") == (b"POST", b"/", 12)
    for bad in (b"", b"GET /", b"GET / FTP/1.0", b"GET / a HTTP/1.0", b"POST / HTTP/1.1\r\nContent-Length: x", b"POST / HTTP/1.1\r\nContent-Length: -1",
                b"POST / HTTP/1.1\r\nContent-Length: 1025", b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked"):
        assert refused(request, bad), bad


def test_what_is_shown_is_no_page_of_its_own():
    assert escaped('<b>"&\'') == "&lt;b&gt;&quot;&amp;'"


def query(name, kind=1, flags=0x0100, count=1):
    labels = b"".join([bytes((len(part),)) + part for part in name.split(b".")])
    return b"\x12\x34" + bytes((flags >> 8, flags & 255)) + bytes((0, count)) + b"\0" * 6 + labels + b"\0" + bytes((0, kind)) + b"\0\1"


def test_every_name_is_the_node():
    asked = query(b"connectivitycheck.example.com")
    told = answer(asked, HERE)
    assert told[:2] == b"\x12\x34" and told[2] & 0x80 and told[6:8] == b"\0\1" and told[12 : len(asked)] == asked[12:] and told[-4:] == HERE
    told = answer(query(b"example.com", kind=28), HERE)  # no IPv6
    assert told[6:8] == b"\0\0" and told[3] & 15 == 0
    for odd in (b"", b"x" * 16, asked[:-1], asked[:20], query(b"a", flags=0x8100), query(b"a", count=2), query(b"a" * 62 + b"." + b"b" * 62 + b"." + b"c" * 62 + b"." + b"d" * 62),
                asked[:12] + b"\xc0\x0c" + asked[14:]):
        assert answer(odd, HERE) is None, odd


def test_noise_neither_raises_nor_is_answered_at_length():
    seed(4)
    good = (b"POST / HTTP/1.1\r\nContent-Length: 9\r\nHost: a", b"ssid=a%20b&key=c+d&host=e", query(b"example.com"))
    for i in range(6000):
        data = bytearray(good[i % 3])
        for _ in range(getrandbits(2)):
            data[getrandbits(10) % len(data)] = getrandbits(8)
        data = bytes(data[: getrandbits(7)])
        told = answer(data, HERE)
        assert told is None or len(told) <= 2 * len(data) + 16
        for what in (form, request, unquoted):
            try:
                what(data)
            except Bad:
                pass
