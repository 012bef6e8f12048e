"""Takes nodes through an update: who is told when, how far each is, when to stop. Pure: messages and the time are handed in, messages go out by a function.

A few first, the others only when those have kept it; nobody more once too many have not.
"""

import json
from dataclasses import dataclass

from ..envelope import Malformed, open_envelope

WAITING, ANNOUNCED, FETCHING, INSTALLING = "waiting", "announced", "fetching", "installing"
KEPT, CURRENT, REFUSED, TAKEN_BACK, SILENT = "kept", "current", "refused", "taken back", "silent"
GOOD, BAD = (KEPT, CURRENT), (REFUSED, TAKEN_BACK)
OVER = (*GOOD, *BAD, SILENT)
AGAIN_S = 20        # a node that is there and has not answered is told again


@dataclass
class Progress:
    name: str
    state: str = WAITING
    at: int = 0             # bytes of the bundle it has got to
    why: str = ""
    version: str = ""       # that it told
    told_s: float = 0
    heard_s: float = 0


class Rollout:
    """pieces: world.pieces.Pieces. publish(topic, payload, qos). number: by which answers are known. first: so many nodes begin, at_once: so many at a time;
    stop_after: so many failures end it."""

    def __init__(self, pieces, names, publish, number, base="holdfast", limit_s=300, first=1, at_once=8, stop_after=1):
        self.pieces, self.number = pieces, number
        self._publish, self._base, self._limit_s = publish, base, limit_s
        self._first, self._at_once, self._stop_after = first, at_once, stop_after
        self.nodes = {name: Progress(name) for name in names}
        self.served = 0     # pieces

    @property
    def stopped(self):
        """Too many have failed: nobody more is told."""
        return sum(n.state in BAD for n in self.nodes.values()) >= self._stop_after

    @property
    def over(self):
        return all(n.state in OVER or n.state == WAITING and self.stopped for n in self.nodes.values())

    def turn(self, now_s):
        """Tells whoever may be told now."""
        nodes = list(self.nodes.values())
        under_way = sum(n.state in (ANNOUNCED, FETCHING, INSTALLING) for n in nodes)
        good = sum(n.state in GOOD for n in nodes)
        room = self._at_once - under_way
        if good < min(self._first, len(nodes)):
            room = min(room, self._first - good - under_way)
        for node in nodes:
            if node.state == ANNOUNCED and node.why and now_s - node.told_s > AGAIN_S:
                self._tell(node, now_s)
            elif node.state == WAITING and room > 0 and not self.stopped:
                room -= 1
                self._tell(node, now_s)

    def _tell(self, node, now_s):
        node.state, node.why, node.told_s = ANNOUNCED, "", now_s
        self._publish("%s/%s/cmd/update" % (self._base, node.name), self.pieces.announcement(self.number, self._limit_s), 1)

    def received(self, topic, payload, now_s):
        """A message of a node (topic as text). What is none of an update's business is passed over."""
        parts = topic.split("/")
        node = self.nodes.get(parts[1]) if len(parts) == 3 and parts[0] == self._base else None
        if node is None or node.state == WAITING:
            return
        if parts[2] == "piece":
            wanted = self.pieces.wanted(payload)
            if wanted and node.state not in OVER:
                node.state, node.at, node.heard_s = FETCHING, wanted[0], now_s
                self.served += 1
                self._publish("%s/%s/cmd/piece" % (self._base, node.name), self.pieces.piece(*wanted), 0)
        elif parts[2] in ("reply", "update"):
            self._said(node, payload, now_s)
        elif parts[2] == "status" and payload == b"online" and node.state == ANNOUNCED and now_s - node.told_s > AGAIN_S:
            self._tell(node, now_s)

    def _said(self, node, payload, now_s):
        try:
            said = json.loads(open_envelope(payload).payload)
        except (Malformed, ValueError, RecursionError):
            return
        if not isinstance(said, dict) or said.get("id") != self.number or node.state in OVER:
            return
        node.heard_s, node.version = now_s, str(said.get("ver") or node.version)
        if said.get("ok") is False and str(said.get("why")).startswith("busy"):
            node.state, node.why = ANNOUNCED, str(said["why"])      # later, then
        elif said.get("ok") is False:
            node.state, node.why = REFUSED, str(said.get("why"))
        elif said.get("state") in (INSTALLING, KEPT, CURRENT, REFUSED, TAKEN_BACK):
            node.state, node.why = said["state"], str(said.get("why") or "")
            if node.state in (INSTALLING, *GOOD):
                node.at = self.pieces.size
        elif said.get("state") == FETCHING and node.state == ANNOUNCED:
            node.state = FETCHING

    def give_up(self):
        """Time is up: what is not over is unknown."""
        for node in self.nodes.values():
            if node.state not in OVER and node.state != WAITING:
                node.why, node.state = "last seen %s" % node.state, SILENT

    def result(self):
        """For --json: a list of what became of each node."""
        return [{"node": n.name, "state": n.state, "why": n.why, "version": n.version, "bytes": n.at} for n in self.nodes.values()]
