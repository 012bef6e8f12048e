# router.py - which handlers a message is for (R18), and calls them. Patterns are those of MQTT: + one level, # the rest.
# May import: asyncio, for handlers that are coroutine functions.   Time: none.   Blocks: never; a handler may.
from micropython import const

_RUNNING_MAX = const(16)  # coroutines of handlers that run at one time


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
    # prefix: "<base>/<id>/". error(kind, cause): told of a message that nobody can be given. app_error(exception): of a handler that raises.
    def __init__(self, prefix, error, app_error):
        self._prefix = prefix
        self._error = error
        self._app_error = app_error
        self._routes = []  # (pattern, handler), in the order of registration
        self.patterns = []  # (pattern, QoS), each pattern once
        self._running = 0

    # May the application have a handler for the pattern? Raises ValueError for a bad one, and when one message could be for more handlers than
    # can run at one time: it would be acknowledged before that shows.
    def check(self, pattern, qos):
        check_pattern(pattern)
        if qos not in (0, 1, 2):
            raise ValueError("qos %r: 0, 1 or 2" % qos)
        near = [known for known, _ in self._routes if meet(known, pattern)]
        if len(near) >= _RUNNING_MAX and max([sum([meet(known, other) for other in near]) for known in near]) >= _RUNNING_MAX:
            raise ValueError("topic pattern %r: there are %d handlers for such messages, and no more can run at one time" % (pattern, _RUNNING_MAX))

    # True when the broker must be asked for the pattern. Raises ValueError for a bad one.
    def add(self, pattern, qos, handler):
        check_pattern(pattern)
        self._routes.append((pattern, handler))
        for known, _ in self.patterns:
            if known == pattern:
                return False
        self.patterns.append((pattern, qos))
        return True

    # A message has come. payload: None when it was too long. Calls every handler whose pattern fits; when one raises, the others are still called.
    def deliver(self, topic, payload):
        try:
            topic = str(topic, "utf-8")
        except UnicodeError:
            return self._error("unusable", "topic %r" % topic)
        if payload is None:
            return self._error("unusable", "message too long: " + topic)
        if not topic.startswith(self._prefix):
            return
        topic = topic[len(self._prefix) :]
        for pattern, handler in self._routes:
            if fits(pattern, topic):
                try:
                    made = handler(topic, payload)
                    if hasattr(made, "throw"):
                        self._spawn(made)
                except Exception as e:
                    self._app_error(e)

    # A handler may be a coroutine function: it then runs beside everything else. Who sends faster than they end fills no memory.
    def _spawn(self, coro):
        from asyncio import create_task

        if self._running == _RUNNING_MAX:
            coro.close()
            return self._error("unusable", "%d handlers still run" % _RUNNING_MAX)
        self._running += 1
        create_task(self._handle(coro))

    async def _handle(self, coro):
        try:
            await coro
        except Exception as e:
            self._app_error(e)
        finally:
            self._running -= 1
