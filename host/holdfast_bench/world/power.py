"""How a life of the chip can end, and what the next one finds: reset cause, ROM line, which memories are kept."""

PWRON, HARD, WDT, DEEPSLEEP, SOFT = 1, 2, 3, 4, 5


class Reset:
    """One kind of reset. cause: machine.reset_cause() of the next life; wake: machine.wake_reason(); rom: code and name in
    the ROM's first line; keeps_rtc: RTC memory and RTC clock survive; polite: shutdown hooks run (Wi-Fi leaves)."""

    def __init__(self, kind, cause, rom, keeps_rtc, wake=0, polite=False):
        self.kind = kind
        self.cause = cause
        self.rom = rom
        self.keeps_rtc = keeps_rtc
        self.wake = wake
        self.polite = polite


_KINDS = (
    Reset("power_on", PWRON, "0x1 (POWERON_RESET)", False),
    Reset("en", PWRON, "0x1 (POWERON_RESET)", False),
    # Whether RTC memory outlives a brown-out is not known for certain (docs/twin.md): lost is the harsher answer.
    Reset("brownout", PWRON, "0xf (RTCWDT_BROWN_OUT_RESET)", False),
    Reset("software", HARD, "0xc (SW_CPU_RESET)", True, polite=True),
    Reset("panic", HARD, "0xc (SW_CPU_RESET)", True),
    Reset("task_wdt", WDT, "0xc (SW_CPU_RESET)", True),
    Reset("int_wdt", WDT, "0xc (SW_CPU_RESET)", True),
    Reset("deep_sleep", DEEPSLEEP, "0x5 (DEEPSLEEP_RESET)", True, wake=4),
)


def reset_kind(name):
    """The Reset of that name; raises KeyError naming the known ones."""
    for reset in _KINDS:
        if reset.kind == name:
            return reset
    raise KeyError("no reset kind %r, only %s" % (name, ", ".join(r.kind for r in _KINDS)))


def rom_log(kind):
    """What the ROM and the boot loader of an ESP32 print before MicroPython speaks."""
    return ("ets Jul 29 2019 12:21:46\r\n\r\nrst:%s,boot:0x13 (SPI_FAST_FLASH_BOOT)\r\nconfigsip: 0, SPIWP:0xee\r\n"
            "clk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00\r\nmode:DIO, clock div:2\r\n"
            "load:0x3fff0030,len:4892\r\nload:0x40078000,len:14896\r\nload:0x40080400,len:4\r\nload:0x40080404,len:3372\r\n"
            "entry 0x400805b0\r\n" % reset_kind(kind).rom)


TASK_WDT_LOG = (
    "E (%d) task_wdt: Task watchdog got triggered. The following tasks/users did not reset the watchdog in time:\r\n"
    "E (%d) task_wdt:  - mpy_machine_wdt (CPU 0/1)\r\n"
    "E (%d) task_wdt: Tasks currently running:\r\n"
    "E (%d) task_wdt: CPU 0: IDLE0\r\n"
    "E (%d) task_wdt: CPU 1: %s\r\n"
    "E (%d) task_wdt: Aborting.\r\n"
    "E (%d) task_wdt: Print CPU 1 backtrace\r\n\r\n"
    "A fatal error occurred.\r\n\r\n"
    "MPY version : %s\r\nIDF version : v5.4.2\r\nMachine     : Generic ESP32 module with ESP32\r\n\r\n"
    "Backtrace: 0x400df3a5:0x3ffca8e0 0x40082f35:0x3ffca900\r\n\r\n\r\nELF file SHA256: 0000000000000000\r\n\r\nRebooting...\r\n")


def task_wdt_log(uptime_ms, busy, version="v1.26.1 on 2025-09-11"):
    """The console text of a task-watchdog bite. busy: whether Python was computing (mp_task) or waiting (IDLE1)."""
    t = uptime_ms
    return TASK_WDT_LOG % (t, t, t, t, t, "mp_task" if busy else "IDLE1", t, t, version)
