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


DOWNLOAD = "waiting for download\r\n"
# Of the newer chips: what the ROM calls itself, when it was built, and its names for the reset codes.
_ROMS = {
    "esp32s2": ("esp32s2-rc4-20191025", "Oct 25 2019"), "esp32s3": ("esp32s3-20210327", "Mar 27 2021"),
    "esp32c3": ("esp32c3-api1-20210207", "Feb  7 2021"), "esp32c6": ("esp32c6-20220919", "Sep 19 2022"),
}
_NAMES = {"0x1 (POWERON_RESET)": "0x1 (POWERON)", "0xc (SW_CPU_RESET)": "0xc (RTC_SW_CPU_RST)", "0x5 (DEEPSLEEP_RESET)": "0x5 (DSLEEP)",
          "0xf (RTCWDT_BROWN_OUT_RESET)": "0xf (BROWNOUT_RST)", "0x10 (RTCWDT_RTC_RESET)": "0x10 (RTCWDT_RTC_RST)"}
LOOP = "0x10 (RTCWDT_RTC_RESET)"       # the boot loader's watchdog ends a round that found nothing to start


def rom_log(kind, chip="esp32", download=False, loads=True):
    """What the ROM and the boot loader print before MicroPython speaks. kind: a reset, or "loop" for another round of a boot that
    found nothing. download: IO0 was low. loads: whether a boot loader was found and started."""
    code = LOOP if kind == "loop" else reset_kind(kind).rom
    if chip == "esp32":
        mode = "0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))" if download else "0x13 (SPI_FAST_FLASH_BOOT)"
        text = "ets Jul 29 2019 12:21:46\r\n\r\nrst:%s,boot:%s\r\n" % (code, mode)
        found = _ESP32_LOADS
    else:
        mode = "0x5 (DOWNLOAD(USB/UART0))" if download else "0xd (SPI_FAST_FLASH_BOOT)"
        text = "ESP-ROM:%s\r\nBuild:%s\r\nrst:%s,boot:%s\r\n" % (_ROMS[chip] + (_NAMES[code], mode))
        found = "SPIWP:0xee\r\nmode:DIO, clock div:1\r\nload:0x3fcd5820,len:0x15c0\r\nload:0x403cc710,len:0xd70\r\nentry 0x403cc710\r\n"
    return text + (DOWNLOAD if download else found if loads else "")


_ESP32_LOADS = (
    "configsip: 0, SPIWP:0xee\r\nclk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00\r\nmode:DIO, clock div:2\r\n"
    "load:0x3fff0030,len:4892\r\nload:0x40078000,len:14896\r\nload:0x40080400,len:4\r\nload:0x40080404,len:3372\r\nentry 0x400805b0\r\n")


_CRASH = (
    "\r\nA fatal error occurred. The crash dump printed below may be used to help\r\n"
    "determine what caused it. If you are not already running the most recent\r\n"
    "version of MicroPython, consider upgrading. New versions often fix bugs.\r\n\r\n"
    "To learn more about how to debug and/or report this crash visit the wiki\r\n"
    "page at: https://github.com/micropython/micropython/wiki/ESP32-debugging\r\n\r\n"
    "MPY version : %s\r\nIDF version : v5.4.2\r\nMachine     : Generic ESP32 module with ESP32\r\n\r\n")

_REBOOT = "Backtrace: 0x400df3a5:0x3ffca8e0 0x40082f35:0x3ffca900\r\n\r\n\r\nELF file SHA256: 618f37b4b\r\n\r\nRebooting...\r\n"

_TASK_WDT = (
    "Task watchdog got triggered. The following tasks/users did not reset the watchdog in time:", " - mpy_machine_wdt (CPU 0/1)",
    "Tasks currently running:", "CPU 0: IDLE0", "CPU 1: %s", "Print CPU 0 (current core) backtrace", "Aborting.", "Print CPU 1 backtrace")

_PANIC = (
    "Guru Meditation Error: Core  1 panic'ed (%s). Exception was unhandled.\r\n\r\nCore  1 register dump:\r\n"
    "PC      : 0x401344b6  PS      : 0x00060430  A0      : 0x800f8fa4  A1      : 0x3ffcec40  \r\n"
    "A2      : 0x3f42e3a0  A3      : 0x00000001  A4      : 0x00000004  A5      : 0x3ffc4b28  \r\n"
    "A6      : 0x00000003  A7      : 0x00000004  A8      : 0x00000004  A9      : 0x3ffcec20  \r\n"
    "A10     : 0x00000000  A11     : 0x0000037a  A12     : 0x00000000  A13     : 0x3ffc4b24  \r\n"
    "A14     : 0x3ffcfcf0  A15     : 0x3f41f73c  SAR     : 0x0000001e  EXCCAUSE: 0x0000001c  \r\n"
    "EXCVADDR: 0x00000000  LBEG    : 0x4012239a  LEND    : 0x401223a3  LCOUNT  : 0x00000000  \r\n\r\n\r\n")

VERSION = "v1.26.1 on 2025-09-11"


def task_wdt_log(uptime_ms, busy, version=VERSION):
    """The console text of a task-watchdog bite. busy: whether Python was computing (mp_task) or waiting (IDLE1)."""
    text = ""
    for line in _TASK_WDT:
        if line == "Aborting.":
            text += "\r\nBacktrace: 0x40164a76:0x3ffbffd0 0x40086931:0x3ffc0000\r\n\r\n"
        text += "E (%d) task_wdt: %s\r\n" % (uptime_ms, line % ("mp_task" if busy else "IDLE1") if "%" in line else line)
    return text + _CRASH % version + _REBOOT


def panic_log(what="LoadProhibited", version=VERSION):
    """The console text of a crash in C code."""
    return _CRASH % version + _PANIC % what + _REBOOT
