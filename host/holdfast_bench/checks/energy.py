"""What a battery node is awake for (R19): how long a wake takes, and how long the radio is on for an upload.

Counted from the chip's side, over the wakes of boards that go into deep sleep; from the reset to the next sleep, starting up included. On the
simulation what Python computes takes no time: `holdfast perf` has an estimate of that.
"""

from .laws import Outcome, law


@law
def energy(case):
    quiet, loud, radio = [], [], []
    awake_since, radio_since, on_ms = {}, {}, {}
    for e in case.events:
        kind, _, board = e["src"].partition("/")
        if kind != "chip":
            continue
        what = e["ev"]
        if what == "reset":
            awake_since[board] = e["t"] if e.get("cause") == "deepsleep" else None
            radio_since.pop(board, None)
            on_ms[board] = 0
        elif what == "radio" and e.get("what") == "start":
            radio_since[board] = e["t"]
        elif what == "radio" and e.get("what") == "stop" and board in radio_since:
            on_ms[board] += e["t"] - radio_since.pop(board)
        elif what == "sleep":
            if board in radio_since:
                on_ms[board] = on_ms.get(board, 0) + e["t"] - radio_since.pop(board)
            if awake_since.get(board) is not None:
                (loud if on_ms.get(board) else quiet).append(e["t"] - awake_since[board])
                if on_ms.get(board):
                    radio.append(on_ms[board])
            awake_since[board] = None
    if not quiet and not loud:
        return Outcome({}, [])
    numbers = {"wakes": len(quiet) + len(loud), "uploads": len(loud)}
    for name, spans in (("awake_ms_per_wake", quiet), ("awake_ms_per_upload", loud), ("radio_ms_per_upload", radio)):
        if spans:
            numbers[name] = round(sum(spans) / len(spans))
    return Outcome(numbers, [])
