"""What the monitor counts of its own work; every number is on /metrics and on the page. Only the collector's thread changes them."""

from collections import Counter


class Counters:
    def __init__(self):
        self.received = 0       # PUBLISH packets from the broker
        self.bytes = 0
        self.stored = 0         # messages that were new
        self.duplicates = 0     # further arrivals of messages that were there
        self.replayed = 0       # out of the broker's retained store, known already
        self.late = 0           # older than what retention has left
        self.refused = Counter()    # by reason
        self.odd_clocks = 0     # time stamps that cannot be
        self.no_schema = 0      # packed payloads that nobody has described yet
        self.misfits = 0        # packed payloads that do not fit their description
        self.foreign = 0        # topics that belong to no node
        self.commits = 0
        self.commit_s = 0.0
        self.commit_s_max = 0.0     # of the last minute
        self.store_failures = 0
        self.waiting = 0        # received, not yet stored
        self.waiting_bytes = 0
        self.lag_s = 0.0        # age of the oldest message not yet stored
        self.lag_s_max = 0.0    # of the last minute
        self.pings = self.pongs = 0
        self.purged = 0
        self.deliveries = Counter()     # (hook, result)
