"""A node as docs/protocol.md has it, over paho: envelopes, status and last will, answers to ping and resend. It can lose, repeat, and die in two ways."""

import base64
import json
import threading
import time

import paho.mqtt.client as paho


class FakeNode:
    """answers: whether it answers pings. keeps(seq): whether it still has that message when asked for it."""

    def __init__(self, at, device, epoch=1, answers=True, keeps=lambda seq: True, base="holdfast", will=True):
        self.at, self.device, self.epoch, self.answers, self.keeps = at, device, epoch, answers, keeps
        self.prefix = "%s/%s/" % (base, device)
        self.seq = 0
        self.sent = {}          # seq -> (topic, envelope)
        self.commands = []      # (name, payload)
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=device, clean_session=False, protocol=paho.MQTTv311)
        if will:
            self._client.will_set(self.prefix + "status", "offline", 1, True)
        self._client.on_message, self._client.on_connect = self._on_message, self._on_connect
        self._up = threading.Event()

    def start(self):
        self._client.connect(*self.at, keepalive=60)
        self._client.loop_start()
        assert self._up.wait(10), "no session for the node"
        return self

    def stop(self):
        self._client.disconnect()
        self._client.loop_stop()

    def die(self):
        """The connection breaks: the broker publishes the last will."""
        self._client._sock.close()
        self._client.loop_stop()

    def freeze(self):
        """Nothing is heard of it any more, and nothing is closed."""
        self._client.loop_stop()

    def _on_connect(self, client, userdata, flags, reason, properties):
        client.subscribe(self.prefix + "cmd/#", 1)
        client.publish(self.prefix + "status", "online", 1, True)
        self._up.set()

    def _on_message(self, client, userdata, message):
        name = message.topic.rpartition("/")[2]
        self.commands.append((name, message.payload))
        if name == "ping" and self.answers:
            client.publish(self.prefix + "pong", message.payload.replace(b"ping", b"pong"))
        elif name == "resend":
            asked = json.loads(message.payload)
            for first, last in asked["r"]:
                for seq in range(first, last + 1):
                    if asked["b"] == self.epoch and seq in self.sent and self.keeps(seq):
                        client.publish(*self.sent[seq], qos=1)
                    else:
                        client.publish(self.prefix + "gone", json.dumps({"b": asked["b"], "r": [[seq, seq]]}), 1)
        elif name in ("reset", "config"):
            client.publish(self.prefix + "reply", json.dumps({"id": json.loads(message.payload)["id"], "ok": True}), 1)

    def publish(self, payload, topic="sensor/temp", qos=1, lose=False, t="now", **fields):
        """One message in the envelope; `lose`: it never reaches the broker. Returns its number."""
        self.seq += 1
        body = {"i": self.seq, "b": self.epoch, "t": int(time.time() * 1000) if t == "now" else t}
        if isinstance(payload, bytes):
            body["p64"] = base64.b64encode(payload).decode()
        else:
            body["p"] = payload
        self.sent[self.seq] = (self.prefix + topic, json.dumps({**body, **fields}))
        if not lose:
            self.repeat(self.seq, qos)
        return self.seq

    def repeat(self, seq, qos=1):
        self._client.publish(*self.sent[seq], qos=qos)

    def raw(self, below, payload, qos=1, retain=False):
        return self._client.publish(self.prefix + below, payload, qos, retain)

    def settle(self, limit_s=10):
        """Until the broker has acknowledged everything."""
        info = self._client.publish(self.prefix + "cmd/none", "", 1)
        info.wait_for_publish(limit_s)
