"""DNS: servers with their faults, and the resolver of lwIP as far as its timing and its cache are visible.

A query to a silent server is repeated after 1, 1, 2 and 3 s, then the next server is asked; the caller blocks all that
time. Answers are cached for their TTL, also while Wi-Fi is down; failures are not cached.
"""

TRY_MS = (1000, 1000, 2000, 3000)
ANSWER_MS = 25
MDNS_MS = 5000
CACHE = 4             # entries of lwIP's table

OK, SILENT, NXDOMAIN, SERVFAIL = "ok", "silent", "nxdomain", "servfail"
FORGED = "forged"       # somebody else answers in its place, with another number: to who looks, as good as silence


class Server:
    """A name server. `mode` is its fault; `names` maps lower-case names to (ip, ttl_s), or to (list of ips, ttl_s): lwIP takes the first."""

    def __init__(self, names=None):
        self.names = names if names is not None else {}
        self.mode = OK

    def ask(self, name):
        """The (ip, ttl_s) of name; False for "there is no such name"; None for no answer at all."""
        if self.mode in (SILENT, FORGED):
            return None
        if self.mode != OK:
            return False
        known = self.all_of(name)
        return (known[0][0], known[1]) if known else False

    def all_of(self, name):
        """(its ips, ttl_s), or None."""
        known = self.names.get(name.lower())
        return (known[0] if isinstance(known[0], list) else [known[0]], known[1]) if known else None


class Resolver:
    """The chip's side. `servers(ip)` gives the Server reached at that address now, or None when nothing passes."""

    def __init__(self, kernel, servers):
        self.kernel = kernel
        self.servers = servers
        self.mdns = {}      # names that a neighbour announces: name -> ip
        self._cache = []    # [name, ip, ends_at_ms], oldest first

    def reset(self):
        """A chip reset empties the cache."""
        self._cache = []

    def cached(self, name):
        now = self.kernel.now_ms
        for entry in self._cache:
            if entry[0] == name and entry[2] > now:
                return entry[1]
        return None

    def resolve(self, name, server_ips, wait):
        """The address of name, or None. Blocks through wait(until_ms), up to 7 s a server (and 5 s of mDNS for *.local)."""
        steps = self.lookup(name, server_ips)
        try:
            while True:
                wait(self.kernel.now_ms + next(steps))
        except StopIteration as e:
            return e.value

    def lookup(self, name, server_ips):
        """The same as a generator: yields the ms to wait before it is asked again, returns the address or None."""
        ip = self.cached(name)
        if ip is not None:
            return ip
        if name.lower().endswith(".local"):
            ip = self.mdns.get(name.lower())
            yield ANSWER_MS if ip else MDNS_MS
            if ip:
                return ip
        for server_ip in server_ips:
            if server_ip == "0.0.0.0":
                continue
            for try_ms in TRY_MS:
                server = self.servers(server_ip)
                answer = server.ask(name) if server is not None else None
                if answer is None:
                    yield try_ms
                    continue
                yield ANSWER_MS
                if answer is False:
                    return None
                self._keep(name, answer[0], answer[1])
                return answer[0]
        return None

    def _keep(self, name, ip, ttl_s):
        self._cache = [e for e in self._cache if e[0] != name][-(CACHE - 1):]
        self._cache.append([name, ip, self.kernel.now_ms + ttl_s * 1000])
