"""The driver `nftables`: packets between one board and the broker's port are dropped, answered by RST or thinned out, on this machine.

In a table of its own, whose rules hold for the board's address only while the bench says so again and again: an address is in the table for
ALIVE_S. So a bench that dies takes its faults with it; the empty table is removed at the next start. May use: nft, by way of root.py.
"""

import json
import os
import re
import threading

from ..errors import BenchError, Cannot
from . import root

ALIVE_S = 20            # the rules hold for so long without a sign of life of the bench
PREFIX = "holdfast_"
UNKNOWN = "%s has not said its address yet: nobody can tell its packets from others ([network] `address` names it)"

# Rules that are always there only look: which flows stand (their packets go by), which of them are dead or to be reset. A new connection from the
# same port of the board (a chip that has started again counts anew) is another flow. Hooks: a broker on this machine, and one that it routes to.
TABLE = """
table inet {table} {{
  set boards {{ type ipv4_addr; flags timeout; }}
  set flows {{ type ipv4_addr . inet_service; flags dynamic,timeout; timeout 10m; size 4096; }}
  set dead {{ type ipv4_addr . inet_service; flags dynamic,timeout; timeout 1h; size 4096; }}
  set cut {{ type ipv4_addr . inet_service; flags dynamic,timeout; timeout 1m; size 4096; }}
  counter forgotten {{ }}
  counter cut {{ }}
  chain up {{ }}
  chain down {{ }}
  chain seen {{
    tcp flags & (syn|ack) == syn delete @dead {{ ip saddr . tcp sport }}
    tcp flags & (syn|ack) == syn delete @cut {{ ip saddr . tcp sport }}
    tcp flags & (fin|rst) == 0 update @flows {{ ip saddr . tcp sport }}
    tcp flags & (fin|rst) != 0 delete @flows {{ ip saddr . tcp sport }}
  }}
  chain to_broker {{
    tcp dport {port} jump seen
    tcp dport {port} ip saddr @boards ip saddr . tcp sport @dead counter name forgotten drop
    tcp dport {port} ip saddr @boards ip saddr . tcp sport @cut tcp flags & rst == 0 counter name cut reject with tcp reset
    tcp dport {port} ip saddr @boards jump up
  }}
  chain to_board {{
    tcp sport {port} ip daddr @boards ip daddr . tcp dport @dead counter name forgotten drop
    tcp sport {port} ip daddr @boards ip daddr . tcp dport @cut tcp flags & rst == 0 counter name cut reject with tcp reset
    tcp sport {port} ip daddr @boards jump down
  }}
  chain in {{
    type filter hook input priority -10; policy accept;
    jump to_broker
  }}
  chain out {{
    type filter hook output priority -10; policy accept;
    jump to_board
  }}
  chain through {{
    type filter hook forward priority -10; policy accept;
    jump to_broker
    jump to_board
  }}
}}
"""
# An RST passes: the one that answers the board goes out by the same way.
_RESET = "tcp flags & rst == 0|reject with tcp reset"
_MODES = {"blackhole": ("drop", "drop"), "refuse": (_RESET, _RESET)}


class Nftables:
    """The abilities `network` and `air` (as far as nft goes) of one board. address(): the board's, as the broker's side sees it, or None.

    start() before use, close() after; both and all else from any thread. reset_flows: another way to do that, where there is one.
    """

    def __init__(self, name, port, address, reset_flows=None, alive_s=ALIVE_S):
        self.name, self._port, self.address, self._reset_flows = name, port, address, reset_flows
        self.table = "%s%d_%s" % (PREFIX, os.getpid(), re.sub(r"\W", "_", name))
        self._alive_s = alive_s
        self._rules = {}        # fault → (rules for packets from the board, for those to it)
        self._count = 0
        self._mode = None
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._beat = None
        self._known = None      # the address in the table
        self._trouble = None    # why the last sign of life failed

    def start(self):
        """Raises BenchError when nft is missing, not allowed, or does not take the rules."""
        sweep()
        self._nft(TABLE.format(table=self.table, port=self._port))
        self._say_alive()
        self._beat = threading.Thread(target=self._go_on, name="nftables of %s" % self.name, daemon=True)
        self._beat.start()
        return self

    def close(self):
        self._over.set()
        if self._beat:
            self._beat.join(root.LIMIT_S)
            self._beat = None
            self._nft("delete table inet %s\n" % self.table)

    # -- the ability `network` -----------------------------------------------------------------------------------------

    def set_mode(self, mode):
        """"pass", "blackhole" (packets vanish), "refuse" (each is answered by RST, in both directions)."""
        self._set("mode", *_MODES.get(mode, (None, None)))
        self._mode = mode

    def forget_flows(self):
        """Connections that stand are dead without a sign; new ones work."""
        self._put(self._standing(), "dead", "forgotten")

    def reset_flows(self):
        """Resets every connection; how many."""
        if self._reset_flows:
            return self._reset_flows()
        return self._put(self._standing(), "cut", "cut")

    def evidence(self, what):
        """What shows that the fault ("blackhole", "refuse", "forgotten") took effect, in words; None while nothing does."""
        if what == "forgotten":
            n = self._counted("forgotten")
            return "%d packets of forgotten connections dropped" % n if n else None
        if what != self._mode:
            return None
        n = self._counted("mode")
        return "%d packets %s" % (n, "dropped" if what == "blackhole" else "answered by RST") if n else None

    # -- the ability `air` ---------------------------------------------------------------------------------------------

    @staticmethod
    def cannot(fault, args):
        """Why a fault of single packets cannot be made by nft, or None."""
        if fault not in _THIN:
            return "nft only drops packets: take [network] driver \"packets\", which delays and doubles them, too"
        if args.get("correlation"):
            return "nft draws for each packet by itself: set `correlation` to 0, or take [network] driver \"packets\""
        return None

    def add(self, fault, seed, **settings):
        """Begins a fault of single packets; returns what remove and evidence take. nft has no seed for its draws."""
        why = self.cannot(fault, settings)
        if why:
            raise Cannot("%s: %s" % (self.name, why))
        self._count += 1
        own = "air%d" % self._count
        self._set(own, *_THIN[fault](settings))
        return own

    def remove(self, own):
        self._set(own, None, None)

    def evidence_of(self, own):
        n = self._counted(own)
        return "%d packets dropped" % n if n else None

    # -- the table -----------------------------------------------------------------------------------------------------

    def _nft(self, text):
        return root.run("nft", "-f", "-", given=text)

    def _list(self, *what):
        """The objects that nft lists."""
        return [next(iter(entry.values())) for entry in json.loads(root.run("nft", "-j", "list", *what))["nftables"] if "metainfo" not in entry]

    def _set(self, own, up, down):
        """Puts the rules of one fault into the table, or takes them away: all in one transaction."""
        with self._lock:
            self._say_alive()
            new = own not in self._rules
            self._rules.pop(own, None)
            if up or down:
                self._rules[own] = up, down
            lines = ["flush chain inet %s %s" % (self.table, chain) for chain in ("up", "down")]
            if own in self._rules:
                lines.append(("add" if new else "reset") + " counter inet %s %s" % (self.table, own))
            for name, rules in self._rules.items():
                for chain, rule in zip(("up", "down"), rules):
                    if rule:
                        match, _, verdict = rule.rpartition("|")
                        lines.append("add rule inet %s %s %s counter name %s %s" % (self.table, chain, match or "meta l4proto tcp", name, verdict))
            if own not in self._rules and not new:
                lines.append("delete counter inet %s %s" % (self.table, own))
            self._nft("\n".join(lines) + "\n")

    def _standing(self):
        """The flows of this board, as nft elements. Raises BenchError while its address is not known."""
        self._say_alive()
        if not self._known:
            raise BenchError(UNKNOWN % self.name)
        elements = self._list("set", "inet", self.table, "flows")[0].get("elem", [])
        pairs = [e["elem"]["val"]["concat"] if "elem" in e else e["concat"] for e in elements]
        return ["%s . %d" % (ip, port) for ip, port in pairs if ip == self._known]

    def _put(self, flows, into, counter):
        self._nft("reset counter inet %s %s\n" % (self.table, counter))
        if flows:
            self._nft("add element inet %s %s { %s }\n" % (self.table, into, ", ".join(flows)))
        return len(flows)

    def _counted(self, counter):
        """Packets counted so far; 0 while the bench could not say that it is alive, for then the rules hold no longer."""
        if self._trouble or not self._known:
            return 0
        return next((c["packets"] for c in self._list("counters", "table", "inet", self.table) if c["name"] == counter), 0)

    def _say_alive(self):
        """The board's address for another ALIVE_S, in one transaction with what was there."""
        with self._lock:
            found = self.address()
            if found or self._known:
                lines = ["flush set inet %s boards" % self.table]
                if found:
                    lines.append("add element inet %s boards { %s timeout %ds }" % (self.table, found, self._alive_s))
                self._nft("\n".join(lines) + "\n")
                self._known = found

    def _go_on(self):
        while not self._over.wait(self._alive_s / 4):
            try:
                self._say_alive()
                self._trouble = None
            except BenchError as e:
                self._trouble = e

    @staticmethod
    def missing(settings):
        """Why the driver cannot be used on this machine, or None."""
        try:
            root.run("nft", "-c", "-f", "-", given=TABLE.format(table=PREFIX + "check", port=1883))
        except BenchError as e:
            return str(e)
        return None


class OneWay:
    """The ability `air` of a real board: all of its packets, whatever path they take."""

    def __init__(self, name):
        self._name = name

    def on(self, way):
        if way not in (None, "wifi"):
            raise Cannot("%s: nothing here tells the paths of a real board apart (`way`)" % self._name)
        return self


class NftAir(OneWay):
    """The ability `air` of an Nftables: rig.py calls `evidence` in both."""

    def __init__(self, nft):
        super().__init__(nft.name)
        self.add, self.remove, self.evidence, self.cannot = nft.add, nft.remove, nft.evidence_of, nft.cannot


def _both(direction, rule):
    return (rule if direction in ("up", "both") else None), (rule if direction in ("down", "both") else None)


_THIN = {
    "loss": lambda s: _both(s.get("direction", "both"), "numgen random mod 1000 < %d|drop" % round(s["p"] * 1000)),
    "one_way": lambda s: _both(s["direction"], "drop"),
    "connect_timeout": lambda s: ("tcp flags & (syn|ack) == syn|drop", None),
}


def sweep():
    """Removes tables of benches that are no more. Raises BenchError when nft is missing or not allowed."""
    for entry in json.loads(root.run("nft", "-j", "list", "tables"))["nftables"]:
        table = entry.get("table", {})
        pid = re.fullmatch(PREFIX + r"(\d+)_\w+", table.get("name", ""))
        if pid and not os.path.exists("/proc/%s" % pid.group(1)):
            root.run("nft", "delete", "table", table["family"], table["name"])
