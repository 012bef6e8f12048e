# states.py - the connection's states and the only lawful ways between them (R12).
# May import: nothing.   Time: none.   Blocks: never.
#
# down     no path: Wi-Fi is not up, or the node is stopped    suspect  an answer is late; probes decide
# dialing  the path is up, a connection is being made          backoff  waiting before the next try
# online   the broker has accepted the session and answers     error    no broker wants this node; tried again much later

# state: what happened -> next state. What is absent is illegal. (A string takes a fifth of the memory of a nested table.)
NEXT = {
    "down": "path_up dialing",
    "dialing": "accepted online  failed backoff  wait backoff  barred error  path_down down",
    "online": "late suspect  failed backoff  barred error  path_down down  switch dialing",
    "suspect": "answer online  failed backoff  barred error  path_down down",
    "backoff": "due dialing  path_down down",
    "error": "due dialing  path_down down",
}


# The state after `event`; "stopped" leads to down from everywhere. Raises ValueError naming both when that is illegal: a
# bug of ours, never something the network did.
def follow(state, event):
    if event == "stopped":
        return "down"
    words = NEXT[state].split()
    for i in range(0, len(words), 2):
        if words[i] == event:
            return words[i + 1]
    raise ValueError("%s in state %s" % (event, state))
