"""Frames of docs/frames.md on the host: the device's own file, firmware/holdfast/frames.py, so that there is but one."""

from . import device_files

_device = device_files.load("frames")

MAGIC = _device.MAGIC
ACK, BYE, HELLO, MESSAGE, PING, PONG, SUBSCRIBE, SUBSCRIBED, WELCOME = (
    _device.ACK, _device.BYE, _device.HELLO, _device.MESSAGE, _device.PING, _device.PONG, _device.SUBSCRIBE, _device.SUBSCRIBED, _device.WELCOME)
DUP, RETAIN = _device.DUP, _device.RETAIN
OVERHEAD, LENGTH_MAX = _device.OVERHEAD, _device.LENGTH_MAX
Decoder = _device.Decoder
encode = _device.encode
wrap = _device.wrap
message = _device.message
open_message = _device.open_message


def open_envelope(data):
    """(number, boot epoch, time in ms or None, payload, schema or None) of an MQTT payload in the envelope "frame"; None when it is none."""
    found = []
    decoder = Decoder(lambda kind, seq, payload: found.append((kind, seq, bytes(payload))), max(0, len(data) - OVERHEAD))
    decoder.feed(data)
    if len(found) != 1 or decoder.waiting or decoder.skipped or found[0][0] != MESSAGE:
        return None
    try:
        _, epoch, t, _, payload, schema, _ = open_message(found[0][2])
    except ValueError:
        return None
    return found[0][1], epoch, t or None, payload, schema or None
