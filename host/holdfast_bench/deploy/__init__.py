"""Deploying: the firmware, umqtt where the board lacks it, and a configuration, onto a board with unmodified mpremote.

Only changed files travel; they are staged beside the old ones, checked by hash on the board, and then renamed into place.
"""

__all__ = ["Deployed", "deploy"]


def __getattr__(name):
    """Loaded when they are used: the simulation wants the bundle only, and no serial ports. PEP 562."""
    if name not in __all__:
        raise AttributeError("module %r has no attribute %r" % (__name__, name))
    import importlib

    module = importlib.import_module(".deployment", __name__)
    globals().update({n: getattr(module, n) for n in __all__})
    return globals()[name]
