"""The model of the world around a chip: time, air, access points, DHCP, DNS, power and the memories that outlive a reset.

Common subset of CPython and MicroPython: relative imports, no dataclasses, no set or dict iteration. May import: nothing
outside this folder but heapq and binascii.
"""
