"""`holdfast perf`: what the node can do, as numbers with a bar, beside other clients measured in the same run.

figures.py names every figure and its bar; each other file measures some of them and knows nothing of the rest.
"""
