# inside.py - runs core.py as a module of the package. argv: folders to import from.
import sys

sys.path[:0] = sys.argv[1].split(":")
import holdfast.core  # noqa: E402, F401
