# router.py - which handlers a message is for (R18). Patterns are those of MQTT: + one level, # the rest.
# May import: nothing.   Time: none.   Blocks: never.


# True when `topic` fits `pattern` (both str).
def fits(pattern, topic):
    if pattern == topic:
        return True
    p = pattern.split("/")
    t = topic.split("/")
    for i in range(len(p)):
        if p[i] == "#":
            return True
        if i >= len(t) or p[i] != "+" and p[i] != t[i]:
            return False
    return len(p) == len(t)


# Raises ValueError with the reason when `pattern` is not a legal filter.
def check_pattern(pattern):
    levels = pattern.split("/")
    if not pattern:
        raise ValueError("empty topic pattern")
    for i in range(len(levels)):
        level = levels[i]
        if "#" in level and (level != "#" or i != len(levels) - 1) or "+" in level and level != "+":
            raise ValueError("bad topic pattern %r: + and # stand alone, # comes last" % pattern)


# Is there a topic that fits both patterns?
def meet(pattern, other):
    p = pattern.split("/")
    q = other.split("/")
    n = min(len(p), len(q))
    for i in range(n):
        if p[i] == "#" or q[i] == "#":
            return True
        if p[i] != q[i] and p[i] != "+" and q[i] != "+":
            return False
    rest = p[n:] + q[n:]
    return not rest or rest[0] == "#"


class Router:
    def __init__(self):
        self._routes = []  # (pattern, handler), in the order of registration
        self.patterns = []  # (pattern, QoS), each pattern once

    # May the application have a handler for the pattern? Raises ValueError for a bad one, and when one message could be for more than `most` handlers:
    # so many can run at one time, and the message would be acknowledged before that shows.
    def check(self, pattern, qos, most):
        check_pattern(pattern)
        if qos not in (0, 1, 2):
            raise ValueError("qos %r: 0, 1 or 2" % qos)
        near = [known for known, _ in self._routes if meet(known, pattern)]
        if len(near) >= most and max([sum([meet(known, other) for other in near]) for known in near]) >= most:
            raise ValueError("topic pattern %r: there are %d handlers for such messages, and no more can run at one time" % (pattern, most))

    # True when the broker must be asked for the pattern. Raises ValueError for a bad one.
    def add(self, pattern, qos, handler):
        check_pattern(pattern)
        self._routes.append((pattern, handler))
        for known, _ in self.patterns:
            if known == pattern:
                return False
        self.patterns.append((pattern, qos))
        return True

    # Calls every handler whose pattern fits; on_error(exception) for one that raises: the others are still called. on_coro(coroutine) for
    # one that is a coroutine function. Returns how many there were.
    def route(self, topic, payload, on_error, on_coro):
        n = 0
        for pattern, handler in self._routes:
            if fits(pattern, topic):
                n += 1
                try:
                    made = handler(topic, payload)
                    if hasattr(made, "throw"):
                        on_coro(made)
                except Exception as e:
                    on_error(e)
        return n
