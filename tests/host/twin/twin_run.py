"""What tests need that let the stock firmware run on a twin: the command line, a broker that the board reaches, waiting for its events."""

import json
import subprocess
import sys
import time

from holdfast_bench.places.brokers import start_broker
from holdfast_bench.twin.host import KEY, SSID
from holdfast_bench.witness import Witness

LIMIT_S = 110
USER, PASSWORD = "node", "secret"


def holdfast(*args, status=0):
    """Runs the command, -> what it printed."""
    done = subprocess.run([sys.executable, "-m", "holdfast_bench.cli", *map(str, args)], capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def wait(history, start, limit_s=60, **fields):
    """The first such event from index `start` on."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        found = history.find(lambda e: all(e.get(k) == v for k, v in fields.items()), start)
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("no event %r in %s s, only %r" % (fields, limit_s, history.events[start:][-20:]))


def broker_with_witness(host, name, history, stack, folder):
    """A broker at `name` for the boards of the host, everything it gets in the history. -> the secrets file for it."""
    broker = start_broker("builtin", stack, users={USER: PASSWORD})
    address = host.add_host(name, {1883: broker.address})
    witness = Witness(*broker.address, history, "#", USER, PASSWORD)
    stack.callback(witness.stop)
    witness.start()
    secrets = folder / "secrets.json"
    secrets.write_text(json.dumps({"wifi": [{"ssid": SSID, "key": KEY}], "brokers": [{"host": address, "port": 1883, "user": USER, "password": PASSWORD}]}))
    return secrets
