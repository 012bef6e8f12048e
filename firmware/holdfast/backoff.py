# backoff.py - how long to wait before the next try: arithmetic only (R1-R3).
# May import: nothing.   Time and chance are arguments.   Blocks: never.


# The next wait before jitter. attempt: 1 for the first. last_ms: the wait before, 0 at first. rnd: uniform 0..2**29-1, so
# that no sum leaves the small integers of a 32-bit port.
def wait_ms(policy, attempt, last_ms, base_ms, cap_ms, rnd):
    if policy == "exponential":
        return min(cap_ms, base_ms << min(attempt - 1, 10))
    if policy == "gentle":  # x1.5
        return min(cap_ms, max(base_ms, last_ms + last_ms // 2))
    if policy == "decorrelated":  # drawn between the base and three times the wait before
        return min(cap_ms, base_ms + rnd % (max(last_ms * 3 - base_ms, 0) + 1))
    return base_ms  # fixed


# Spreads a wait, so that a fleet does not come back in step. rnd: another draw.
def jitter_ms(kind, wait_ms, rnd):
    if kind == "full":
        return rnd % (wait_ms + 1)
    if kind == "equal":
        return wait_ms // 2 + rnd % (wait_ms // 2 + 1)
    if kind == "half":  # x U(0.5, 1.5)
        return wait_ms // 2 + rnd % (wait_ms + 1)
    if kind == "ten":  # +-10 %
        return wait_ms - wait_ms // 10 + rnd % (wait_ms // 5 + 1)
    if kind == "additive":  # + U(0, 1 s)
        return wait_ms + rnd % 1001
    return wait_ms  # none
