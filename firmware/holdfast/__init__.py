# Holdfast: keeps an ESP32's data flowing when the Wi-Fi does not. The public surface; docs/firmware.md shows its use.
# Nothing is loaded until it is asked for: a wake without radio needs little of it.
VERSION = "0.1.0"


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
