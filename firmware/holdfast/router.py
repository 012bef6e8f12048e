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


class Router:
    def __init__(self):
        self._routes = []  # (pattern, handler), in the order of registration
        self.patterns = []  # (pattern, QoS), each pattern once

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
