"""When firmware that a step has broken on purpose was on trial: what it does then is what it is there for."""


def windows(case):
    """[(board, from, until)], t of the history: from the swap until the old firmware says that it is back."""
    if not any(action["do"] == "update" and action["update"].get("broken") for action in case.plan["actions"]):
        return []
    found = []
    for e in case.of("board", "update"):
        board = e["src"].partition("/")[2]
        if e.get("state") == "installing":
            found.append([board, e["t"], float("inf")])
        elif found and found[-1][0] == board and e.get("state") in ("kept", "taken back"):
            found[-1][2] = e["t"]
    return found


def excused(event, found):
    board = event["src"].partition("/")[2]
    return any(board == b and begin <= event["t"] <= end for b, begin, end in found)
