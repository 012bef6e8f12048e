# Holdfast: keeps an ESP32's data flowing when the Wi-Fi does not. The public surface; docs/firmware.md shows its use.
# Nothing is loaded until it is asked for: a wake without radio needs little of it.
import gc

VERSION = "0.1.0"


# The version that is installed: that of the bundle in which it came, or ours.
def release():
    try:
        with open("/release") as f:
            return f.read(32).strip()
    except OSError:
        return VERSION


# The first set-up of a node that has no configuration (docs/setup.md). given: what is to be tried, a dict; None: asks for it at an access point of its own,
# and never returns.
def set_up(given=None, key=None):
    from .setup import offer, run

    return run("config.json", key) if given is None else offer(given, "config.json")


# Collect every 16 KB, not only when the heap is full, unless the application has said otherwise: what lives long then lies together from the
# first import on, and the free memory stays in large pieces. Without it, 54 KB free came in pieces of 2 KB at most; with it, 38 KB in one.
if gc.threshold() < 0:
    gc.threshold(16384)


def __getattr__(name):
    if name == "Node":
        from .node import Node

        return Node
    if name == "ConfigError":
        from .config import ConfigError

        return ConfigError
    if name == "Full":
        from .outbox import Full

        return Full
    raise AttributeError(name)
