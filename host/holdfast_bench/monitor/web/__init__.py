"""The monitor's face: a live page, its data as JSON, /metrics and the health checks. Reads; the buttons go through the collector.

May use: starlette, uvicorn, prometheus-client, the Monitor it is given. Nothing here runs in the collector's thread but what is handed to collector.call.
"""

from .server import Web

__all__ = ["Web"]
