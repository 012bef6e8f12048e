"""Ways to tell other systems: a signed web hook, an MQTT topic, a command. Each delivers one notification or raises Undelivered.

A hook's secret never leaves this file: `label` is what people see.
"""

import hashlib
import hmac
import json
import os
import shlex
import subprocess
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from ..errors import BenchError
from .settings import secret

LIMIT_S = 5
COMMAND_LIMIT_S = 15


class Undelivered(Exception):
    """It did not get there. The text says why, without secrets."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None     # a signed body goes where it was meant to go


class WebHook:
    """POST of the notification as JSON. With a secret: X-Holdfast-Signature is v1=HMAC-SHA256(secret, timestamp + "." + body) in hex."""

    def __init__(self, url, key=None):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BenchError("hooks: %r is no http or https address" % url.split("?")[0])
        self._url, self._key = url, key.encode() if key else None
        self.label = "%s://%s%s" % (parts.scheme, parts.hostname, ":%d" % parts.port if parts.port else "")     # a path may hold a secret
        self._opener = urllib.request.build_opener(_NoRedirects)

    def deliver(self, body):
        stamp = str(int(time.time()))
        raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "holdfast-monitor", "X-Holdfast-Id": body["id"], "X-Holdfast-Timestamp": stamp}
        if self._key:
            headers["X-Holdfast-Signature"] = "v1=" + hmac.new(self._key, stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
        try:
            with self._opener.open(urllib.request.Request(self._url, raw, headers, method="POST"), timeout=LIMIT_S) as answer:
                answer.read(1)
        except urllib.error.HTTPError as e:
            raise Undelivered("HTTP %d" % e.code) from None
        except (OSError, ValueError) as e:
            raise Undelivered(str(getattr(e, "reason", e))[:200]) from None


class TopicHook:
    """Publishes on <topic>/<device>, retained, QoS 1: whoever subscribes learns at once which nodes have an alarm."""

    def __init__(self, topic, publish):
        if not topic or set("+#\0") & set(topic):
            raise BenchError("hooks: %r is no topic" % topic)
        self._topic, self._publish = topic.rstrip("/"), publish
        self.label = "mqtt:" + self._topic

    def deliver(self, body):
        raw = json.dumps(body, ensure_ascii=False).encode()
        if not self._publish("%s/%s" % (self._topic, body["device"] or "fleet"), raw, 1, True):
            raise Undelivered("no connection to the broker")


class CommandHook:
    """Runs a program without a shell: the notification as JSON on its input, the main things in HOLDFAST_… variables."""

    def __init__(self, command):
        try:
            self._argv = shlex.split(command)
        except ValueError as e:
            raise BenchError("hooks: command %r: %s" % (command, e)) from None
        if not self._argv:
            raise BenchError("hooks: an empty command")
        self.label = "command:" + os.path.basename(self._argv[0])

    def deliver(self, body):
        variables = {"HOLDFAST_" + k.upper(): str(body[k]) for k in ("device", "alarm", "why", "time")}
        try:
            done = subprocess.run(self._argv, input=json.dumps(body).encode(), env={**os.environ, **variables}, capture_output=True, timeout=COMMAND_LIMIT_S)
        except subprocess.TimeoutExpired:
            raise Undelivered("took longer than %d s" % COMMAND_LIMIT_S) from None
        except OSError as e:
            raise Undelivered(e.strerror) from None
        if done.returncode:
            raise Undelivered("exit status %d" % done.returncode)


def make_hooks(specs, publish):
    """Hooks of the settings: a list of {"url": …, "secret_file": …}, {"topic": …}, {"command": …}. Raises BenchError."""
    made = []
    for spec in specs:
        if not isinstance(spec, dict):
            raise BenchError("hooks: %r is no table" % (spec,))
        spec = dict(spec)
        if "url" in spec:
            made.append(WebHook(spec.pop("url"), secret(spec.pop("secret_file", None), "HOLDFAST_HOOK_SECRET", "hooks.secret_file")))
        elif "topic" in spec:
            made.append(TopicHook(spec.pop("topic"), publish))
        elif "command" in spec:
            made.append(CommandHook(spec.pop("command")))
        else:
            raise BenchError("hooks: url, topic or command is needed")
        if spec:
            raise BenchError("hooks: there is no setting %s" % sorted(spec)[0])
    return made
