"""TCP segments in IPv4 packets: what a link in user space needs to know of them, and an RST made by hand. Pure: bytes in, bytes out."""

import struct

FIN, SYN, RST, ACK = 1, 2, 4, 16


def _checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Segment:
    """`ok`: whether the packet is TCP over IPv4 and whole; `length`: what it takes of the sequence numbers; `size`: bytes of payload."""

    def __init__(self, packet):
        head = (packet[0] & 15) * 4 if packet else 0
        self.ok = len(packet) >= head + 20 and head >= 20 and packet[0] >> 4 == 4 and packet[9] == 6
        if self.ok:
            self.source, self.target = packet[12:16], packet[16:20]
            self.sport, self.dport, self.seq, self.ack, offset, self.flags = struct.unpack_from("!HHIIBB", packet, head)
            self.size = len(packet) - head - (offset >> 4) * 4
            self.length = self.size + bool(self.flags & SYN) + bool(self.flags & FIN)


def reset_packet(source, target, sport, dport, seq, ack, with_ack):
    """An RST, as a whole packet."""
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, RST | (ACK if with_ack else 0), 0, 0, 0)
    pseudo = source + target + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", _checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source, target)
    return ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:] + tcp
