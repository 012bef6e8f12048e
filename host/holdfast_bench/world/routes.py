"""Which interface a connection takes, as lwIP and IDF decide: by the socket's own address, else by the subnet, else the default route.

IDF's routing hook sends what has a source address through the interface that has it, so bind() chooses an interface. The default route
belongs to the interface with an address that has the highest priority: Wi-Fi station 100, Ethernet 50. PPP is none of IDF's: it takes the
default route when it begins to connect, whether it leads anywhere yet or not, and IDF decides again when the next interface gets an address.
Knows nothing of frames.
"""


NOWHERE = "nowhere"


class Way:
    """An interface as the stack sees it: `driver` with has_address(), ip, mask; the air that its frames go through."""

    def __init__(self, driver, air, prio):
        self.driver = driver
        self.air = air
        self.prio = prio


class Routes:
    """The interfaces of a chip; the newest is asked first when two are in one subnet, as in lwIP's list."""

    def __init__(self):
        self.ways = []
        self.taken = None       # what has taken the default route: a Way, or NOWHERE after it has gone; None: IDF has decided

    def take(self, way, on):
        """`way` takes the default route, or is gone with it."""
        if on:
            self.taken = way
        elif self.taken is way:
            self.taken = NOWHERE

    def decide(self):
        """An interface of IDF's has got an address."""
        self.taken = None

    def add(self, driver, air, prio):
        way = Way(driver, air, prio)
        self.ways.insert(0, way)
        return way

    def choose(self, ip, source=None):
        """The Way to `ip`, from the address `source` if one was bound; None when there is none."""
        ready = [way for way in self.ways if way.driver.has_address()]
        if self.taken is None and len(ready) < 2 and (source is None or not ready):
            return ready[0] if ready else None
        if source is not None:
            for way in ready:
                if way.driver.ip == source:
                    return way
        for way in ready:
            if _same_net(ip, way.driver.ip, way.driver.mask):
                return way
        if self.taken is not None:
            return self.taken if self.taken in ready else None
        best = None
        for way in ready:
            if best is None or way.prio > best.prio:
                best = way
        return best

    def present(self):
        """Whether any interface has an address."""
        for way in self.ways:
            if way.driver.has_address():
                return True
        return False


def _same_net(a, b, mask):
    a, b, mask = _parts(a), _parts(b), _parts(mask)
    return all([a[i] & mask[i] == b[i] & mask[i] for i in range(4)])


def _parts(ip):
    return [int(n) for n in ip.split(".")]
