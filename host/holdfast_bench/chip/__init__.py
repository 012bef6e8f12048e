"""The chip's modules as MicroPython on the ESP32 has them, in front of the model of the world. Runs on MicroPython.

boot.install() puts them into sys.modules before anything of the firmware is imported. May import: world, MicroPython's
own modules. Nothing here knows whether it runs in a twin or in a simulation.
"""
