"""Updates over the air in a run on twins or boards: the same server and rollout that `holdfast update` uses, at the run's broker."""

import io
import itertools
import time

from ..update import releases
from ..update.rollout import Rollout
from ..update.server import Server
from ..world.pieces import Pieces


def updates(plan, options, address, stack, user=None, password=None):
    """A function that carries out an action `update` of the plan: it returns at once, the bundle is served until the run is over."""
    numbers = itertools.count(int(time.time()) % 1_000_000)

    def begin(action):
        # A server each: several may be under way at once, each with a bundle of its own.
        server = Server(address, plan["config"].get("base", "holdfast"), user, password).start()
        stack.callback(server.stop)
        wanted = action["update"]
        pieces = Pieces(io.BytesIO(releases.bundle(wanted, plan["config"].get("update_key"), options.firmware)))
        server.roll(Rollout(pieces, action["boards"], server.publish, next(numbers), limit_s=wanted["limit_s"], first=len(action["boards"]),
                                at_once=len(action["boards"]), stop_after=len(action["boards"]) + 1))
    return begin
