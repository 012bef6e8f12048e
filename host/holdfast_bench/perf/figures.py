"""The names, units and bars of the performance table: the one place for them. Pure.

A figure without a bar is there for comparison. `met` is None where there is no bar or no value.
"""

from dataclasses import dataclass

AT_MOST, AT_LEAST = "≤", "≥"


@dataclass(frozen=True)
class Kind:
    unit: str
    what: str
    bar: float | None = None
    sense: str = AT_MOST


@dataclass(frozen=True)
class Figure:
    """One measured value; None: it could not be measured, or never happened – `how` says which. client: "" for Holdfast."""

    name: str
    value: float | None
    how: str
    client: str = ""

    @property
    def kind(self):
        return KINDS[self.name]

    @property
    def met(self):
        kind = self.kind
        if self.client or kind.bar is None or self.value is None:
            return None
        return self.value <= kind.bar if kind.sense == AT_MOST else self.value >= kind.bar

    def as_json(self):
        name = "%s:%s" % (self.name, self.client) if self.client else self.name
        return {"name": name, "value": self.value, "unit": self.kind.unit, "bar": None if self.client else self.kind.bar, "met": self.met, "how": self.how}


KINDS = {
    "first_puback_s": Kind("s", "start of the program to the first PUBACK, round trip 50 ms", 0.15),
    "recover_refused_s": Kind("s", "first PUBACK after 20 s of refused connections", 0.8),
    "recover_blackhole_s": Kind("s", "… after 20 s in which packets vanish, connections survive", 1.5),
    "recover_dead_flows_s": Kind("s", "… after the same, standing connections dead", 1.5),
    "recover_wifi_s": Kind("s", "… after 20 s without access point; being let in takes 30 ms", 0.5),
    "detect_publishing_s": Kind("s", "half-open connection found while publishing 1/s", 4),
    "detect_idle_s": Kind("s", "half-open connection found while idle", 12),
    "hundred_rtt50_s": Kind("s", "100 queued messages acknowledged, round trip 50 ms", 0.18),
    "hundred_rtt200_s": Kind("s", "100 queued messages acknowledged, round trip 200 ms", 0.45),
    "hundred_rtt50_direct_s": Kind("s", "100 queued messages, round trip 50 ms, broker without relay"),
    "hundred_rtt200_direct_s": Kind("s", "100 queued messages, round trip 200 ms, broker without relay"),
    "standby_switch_rtts": Kind("round trips", "switch to a backup broker kept at the ready (`standby_s`), to the first message acknowledged", 2),
    "cold_switch_rtts": Kind("round trips", "… to one that is not"),
    "stall_ms": Kind("ms", "longest stall of a 50 ms sampler in a 30 s blackhole", 20),
    "lost": Kind("messages", "messages lost over the four outages", 0),
    "heap_kb": Kind("KB", "heap in use after gc, connected, 32-bit: core", 24),
    "heap_peak_kb": Kind("KB", "smallest heap that does, 32-bit: core", 40),
    "heap_node_kb": Kind("KB", "heap in use after gc, connected, 32-bit: whole node"),
    "heap_node_peak_kb": Kind("KB", "smallest heap that does, 32-bit: whole node"),
    "heap_frozen_kb": Kind("KB", "heap in use by the whole node when its code is frozen into the firmware"),
    "heap_frozen_peak_kb": Kind("KB", "the same at its peak"),
    "core_mpy_bytes": Kind("bytes", ".mpy bytes of link, session, outbox, retry", 16000),
    "all_mpy_bytes": Kind("bytes", ".mpy bytes of the whole package"),
    "rtc_messages_2b": Kind("messages", "messages of 2 bytes (21.5 as typed value) that 2048 bytes of RTC memory keep"),
    "rtc_messages_4b": Kind("messages", "messages of 4 bytes that 2048 bytes of RTC memory keep", 180, AT_LEAST),
    "rtc_messages_20b": Kind("messages", "messages of 20 bytes that 2048 bytes of RTC memory keep", 60, AT_LEAST),
    "append_us": Kind("µs", "one append of 20 bytes on this machine's 32-bit interpreter"),
    "append_esp32_ms": Kind("ms", "the same on an ESP32 at 240 MHz, by estimate", 2),
    "append_full_esp32_ms": Kind("ms", "… when the memory is full"),
    "ack_esp32_ms": Kind("ms", "one acknowledgement, by the same estimate", 2),
    "wake_esp32_ms": Kind("ms", "a battery node's wake without radio, by the same estimate"),
    "append_heap_bytes": Kind("bytes", "heap that one append allocates"),
    "append_growth_bytes": Kind("bytes", "… and by how much that grows with the queue", 0),
    "cut_rtc_faults": Kind("faults", "writes to RTC memory cut off: messages lost, damaged ones delivered, crashes", 0),
    "cut_littlefs_faults": Kind("faults", "… writes to flash, littlefs", 0),
    "cut_fat_faults": Kind("faults", "… FAT, between two sectors", 0),
    "damage_faults": Kind("faults", "… RTC memory damaged: also intact records not found", 0),
    "dtu_bytes_per_s": Kind("bytes/s", "serial line at 115 200 baud over MQTT, sustained", 11000, AT_LEAST),
    "dtu_lost_bytes": Kind("bytes", "… of which do not arrive, or not in order", 0),
    "dtu_latency_ms": Kind("ms", "… what the node adds to the way of a single packet"),
    "run_10min_sim_s": Kind("s", "`holdfast run` of a scenario of 10 minutes on sim, start included", 2),
    "library_sim_s": Kind("s", "the whole scenario library on sim", 60),
    "sim_speed_healthy": Kind("× real time", "simulation of a node that publishes once a second, one core", 5000, AT_LEAST),
    "sim_speed_faults": Kind("× real time", "simulation under the campaign's fault mix, one core", 1000, AT_LEAST),
    "twin_start_ms": Kind("ms", "power-on of a twin to its boot event", 500),
    "twin_memory_mb": Kind("MB", "memory of a twin's process", 12),
    "twins_start_s": Kind("s", "fifty twins switched on together, until the last one runs"),
    "twins_memory_mb": Kind("MB", "memory of each of them", 12),
}
