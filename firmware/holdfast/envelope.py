# envelope.py - how a payload travels, so that a receiver can find gaps and duplicates and knows when it was measured.
# May import: json, binascii.   Time: none, stamps are handed in as text.   Blocks: never.
from binascii import b2a_base64
from json import dumps


# {"i": number, "b": boot epoch, "t": epoch in ms or null, "p": payload}, or "p64" (base64) where the payload is not UTF-8 or gets
# shorter so. With a schema it is always base64, and "s" tells which. Bytes.
def wrap(seq, epoch, t, payload, schema=0):
    key = "p"
    try:
        text = None if schema else dumps(str(payload, "utf-8"))
    except UnicodeError:
        text = None
    if text is None or len(text) > 8 + len(payload) * 4 // 3:  # control characters take six times their size
        key = 's":%d,"p64' % schema if schema else "p64"
        text = '"' + b2a_base64(payload).decode().rstrip() + '"'
    return ('{"i":%d,"b":%d,"t":%s,"%s":%s}' % (seq, epoch, t, key, text)).encode()
