"""The gateway: nodes that speak frames (docs/frames.md) over TCP or UDP on one side, an MQTT broker on the other.

`uplink` is a node's connection to the broker, `link` the protocol with the node, `server` the sockets that join them.
"""

from .server import Gateway

__all__ = ["Gateway"]
