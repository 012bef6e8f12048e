# remote.py - what receivers may ask of any node over the broker (docs/protocol.md): a sign of life, a reset, another configuration, other brokers, new firmware. Loaded when the first request comes.
# May import: json, asyncio, trial, discovery, update; the node is handed in.   Time: none.   Blocks: never.
from asyncio import create_task, sleep_ms
from json import dumps, loads

_GRACE_MS = 500  # until answer and acknowledgement are out: else the broker sends the request again after the reset


# topic: "cmd/<name>". retained: the request is an old one that the broker has kept, and is not meant for now.
def handle(node, topic, payload, retained):
    name = topic[4:]
    if name == "ping":
        node.supervisor.tell("pong", payload.replace(b"ping", b"pong"), flags=0)
    elif name == "brokers":
        from .discovery import take

        try:
            if take(node, payload):
                _reset(node, "hard")
        except ValueError as e:
            node.error("unusable", "list of brokers: %s" % e)
    elif not retained:
        try:
            request = loads(payload)
        except ValueError:
            request = None
        if not isinstance(request, dict):
            return node.supervisor.tell("reply", '{"id": null, "ok": false, "why": "not a JSON object"}')
        answer = {"id": request.get("id"), "ok": True}
        try:
            if name == "reset":
                _reset(node, request.get("kind", "hard"))
            elif name == "update":
                from .update import announced

                answer["state"] = announced(node, request)
            elif name == "config":
                from .trial import propose

                propose(node, request)
                answer["state"] = "on trial"
                _reset(node, "hard")
            else:
                raise ValueError("no command " + name)
        except ValueError as e:
            answer["ok"] = False
            answer["why"] = str(e)
        node.supervisor.tell("reply", dumps(answer))


def _reset(node, kind):
    if kind != "hard" and kind != "soft":
        raise ValueError("kind %r: hard or soft" % kind)
    create_task(_later(node, kind))


# Not where the connection has broken meanwhile: the broker, which may not have heard the acknowledgement, will ask again.
async def _later(node, kind):
    connects = node.supervisor.connects
    await sleep_ms(_GRACE_MS)
    if node.supervisor.session.up and node.supervisor.connects == connects:
        node.reset("asked for over the broker", kind)
