# boot.py - the first moments of every start: a window in which Ctrl-C gets to the prompt before any watchdog is armed.
#
# A watchdog cannot be disarmed but by a reset, so whoever wants to deploy resets the chip and interrupts here. After a bite,
# a wake or a soft reset nobody is waiting, and the node is to be back soon: no window then.
import machine
import os
import time

# A rename between folders that a power cut left half done hides the entry behind the old one too, be it /next or a file in it. littlefs
# (2.8 to 2.11) sees to that when something is to be changed and not before: this changes nothing, and writes only when there is a need.
try:
    os.rename("/none", "/none")
except OSError:
    pass

# A deployment that was cut off behind its point of no return: everything has arrived, this puts it into place.
try:
    exec(open("/next/commit.py").read())
except OSError:
    pass

if machine.reset_cause() not in (machine.WDT_RESET, machine.DEEPSLEEP_RESET, machine.SOFT_RESET):
    time.sleep_ms(500)
