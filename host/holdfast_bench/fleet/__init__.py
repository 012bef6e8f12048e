"""A fleet that comes back all at once (R3, R47): what every jitter policy makes of N nodes and a broker that accepts R connections a second.

controller.py (the firmware's own retry controller, on this interpreter), model.py (nodes, network, broker), plot.py.
"""
