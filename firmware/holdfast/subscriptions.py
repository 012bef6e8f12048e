# subscriptions.py - what the broker in use is still to be asked for, and which broker has confirmed everything.
# May import: nothing; the session is handed in.   Time: handed in.   Blocks: never.


class Subscriptions:
    def __init__(self):
        self._wanted = []  # (pattern, QoS), to be asked for
        self._subscribed = self._confirmed = -1  # the broker that has confirmed all of them; the same, before the connection at hand

    # A connection is open. patterns: all, as (pattern, QoS).
    def open(self, patterns):
        self._wanted = list(patterns)
        # A CONNECT whose answer never comes may begin a new session: the one after it then finds that, with no subscription in it.
        self._confirmed = self._subscribed
        self._subscribed = -1

    # Broker number `at` has accepted the session; present: it is one that it knows.
    def accepted(self, at, present):
        if present and self._confirmed == at:
            self._subscribed = at
            self._wanted = []

    # Asks for as many as there is room for.
    def ask(self, session, now):
        if self._wanted:
            self._wanted = session.subscribe(self._wanted, now)

    # Broker number `at` has answered what it was asked last.
    def answered(self, at):
        if not self._wanted:
            self._subscribed = at

    # A pattern was added while running.
    def add(self, pattern, qos):
        self._subscribed = self._confirmed = -1
        self._wanted.append((pattern, qos))
