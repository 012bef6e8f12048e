"""`python -m holdfast_bench.cli`: the command without its entry script."""

from . import main

main()
