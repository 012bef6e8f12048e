# manifest.py - freezes Holdfast into a firmware of one's own: its byte code then stays in flash and costs no RAM.
#     make BOARD=ESP32_GENERIC FROZEN_MANIFEST=/path/to/holdfast/firmware/manifest.py
include("$(PORT_DIR)/boards/manifest.py")  # what the official image has, umqtt.simple among it
package("holdfast", opt=3)
