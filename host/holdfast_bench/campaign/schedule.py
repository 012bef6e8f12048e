"""The trouble of a campaign: which faults, when, how long, and at which worst moments. Pure; chance is handed in."""

import math

FIRST_S = 20            # after the first message
MEAN_PAUSE_S = 150      # between two faults, on average

# fault -> (weight, momentary, arguments drawn from)
FAULTS = {
    "ap_gone": (6, False, {}), "blackhole": (5, False, {}), "one_way": (3, False, {"direction": ("up", "down")}),
    "loss": (3, False, {"p": (0.1, 0.3, 0.5, 0.8), "correlation": (0.0, 0.25, 0.9), "direction": ("up", "down", "both")}),
    "slow_link": (2, False, {"delay_ms": (100, 400, 1500), "jitter_ms": (0, 200, 1000)}), "reorder": (1, False, {"p": (0.05, 0.3), "late_ms": (20, 300)}),
    "duplicates": (1, False, {"p": (0.05, 0.5)}),
    "refused": (4, False, {}), "broker_stopped": (3, False, {}), "broker_killed": (3, False, {}), "broker_hangs": (2, False, {}),
    "connack_withheld": (2, False, {}), "acks_lost": (2, False, {"count": (-1, 1, 5)}), "acks_late": (1, False, {"delay_ms": (500, 3000, 15000)}),
    "login_refused": (1, False, {"code": (1, 2, 3, 4, 5)}), "broker_kicks": (1, False, {"after_ms": (0, 100, 5000)}),
    "dhcp_silent": (2, False, {}), "wrong_password": (1, False, {}), "dns_dead": (3, False, {"how": ("silent", "nxdomain", "servfail")}),
    "power_cut": (3, False, {}),
    "half_open": (4, True, {}), "rst": (3, True, {}), "broker_forgets_session": (2, True, {}), "takeover": (1, True, {}),
    "packet_cut": (2, True, {"kind": ("connack", "puback", "pubrec", "pubcomp", "pingresp"), "at": (1, 2, 3)}),
    "deauth": (3, True, {}), "ap_moved": (2, True, {"channel": (1, 5, 9, 13)}), "lease_changed": (1, True, {"ip": ("10.73.0.77", "10.73.0.99")}),
    "power_cut_mid_write": (4, True, {}), "rtc_corrupt": (1, True, {"bits": (1, 8, 200)}),
    "reset": (5, True, {"kind": ("software", "software", "panic", "panic", "en", "brownout", "task_wdt")}),
    "clock_set_back": (1, True, {"seconds": (60, 3600)}), "clock_set": (1, True, {"year": (2025, 2026)}), "uart_noise": (1, True, {"n": (20, 400)}),
    "watchdog_hang": (1, True, {"how": ("spin", "await")}),
}
# Where these hurt most: a third of them strikes at such a moment.
MOMENTS = {
    "power_cut": ("rtc_write", "rtc_written", "nvs_write", "nvs_written", "received", "connect", "data_up", "data_down", "dns", "joined", "boot", "got_ip"),
    "reset": ("rtc_write", "rtc_written", "nvs_write", "received", "connect", "data_up", "data_down", "dns", "joined", "syn_ack", "boot"),
    "broker_killed": ("received", "connect", "syn_ack", "data_down"), "broker_stopped": ("received", "connect", "syn"),
    "blackhole": ("received", "connect", "syn", "syn_ack", "data_up", "data_down", "got_ip"), "one_way": ("received", "connect", "syn_ack"),
    "ap_gone": ("joined", "got_ip", "connect", "received", "dns"), "rst": ("connect", "received", "syn_ack"), "half_open": ("connect", "received"),
    "refused": ("syn", "connect", "received"), "power_cut_mid_write": ("received", "boot", "connect"), "deauth": ("joined", "got_ip", "connect", "received"),
    "broker_forgets_session": ("received", "data_down"), "rtc_corrupt": ("rtc_written",),
}


def steps(rng, run_s, config, world):
    """The steps of a scenario, as dicts: at_s, fault, for_s, moment, arguments; about one in four begins while another lasts."""
    names = [name for name in FAULTS if name != "dns_dead" or world["named"]]
    weights = [FAULTS[name][0] for name in names]
    made, t, count = [], FIRST_S, {}
    pause_s = MEAN_PAUSE_S * rng.choice((0.3, 1, 1, 3))
    while True:
        t += rng.expovariate(1 / pause_s)
        if t >= run_s:
            return made
        for name in rng.choices(names, weights, k=rng.choice((1, 1, 1, 2, 3))):
            step = _step(rng, name, t, run_s, config)
            count[name] = count.get(name, 0) + 1
            step["id"] = "%s-%d" % (name, count[name])
            made.append(step)
            if rng.random() < 0.5:
                t += rng.uniform(0, 5)


ON_ONE_WAY = ("loss", "slow_link")      # of several


def with_ways(rng, steps, run_s, world):
    """The steps where there are several ways: some faults befall another one than the first Wi-Fi network, the cable is pulled."""
    for step in steps:
        if step["fault"] == "ap_gone" and world.get("networks", 1) > 1:
            step["which"] = rng.choice((0, 1, 1, 2))
        if step["fault"] in ON_ONE_WAY and world.get("lan") and rng.random() < 0.5:
            step["way"] = "lan"
    pulled, t = [], FIRST_S
    while world.get("lan"):
        t += rng.expovariate(1 / (2 * MEAN_PAUSE_S))
        if t >= run_s:
            break
        for_s = round(min(_duration(rng), max(0.2, run_s - t)), 3)
        pulled.append({"fault": "cable_pulled", "at_s": round(t, 3), "for_s": for_s, "id": "cable_pulled-%d" % (len(pulled) + 1)})
        t += for_s
    return sorted(steps + pulled, key=lambda step: step["at_s"])


def _step(rng, name, t, run_s, config):
    _, momentary, args = FAULTS[name]
    step = {"fault": name, "at_s": round(t, 3)}
    for key, values in args.items():
        step[key] = rng.choice(values)
    if not momentary:
        step["for_s"] = round(min(_duration(rng), max(0.2, run_s - t)), 3)
    if name in MOMENTS and rng.random() < 0.33:
        step["moment"] = rng.choice(MOMENTS[name])
        step["nth"] = rng.choice((1, 1, 1, 2, 5))
    if name == "watchdog_hang":
        step["task"] = rng.choice(("link", config["app"]["streams"][0]["topic"]))
    return step


def _duration(rng):
    """From a blink to half an hour, every order of magnitude as likely as the others."""
    return math.exp(rng.uniform(math.log(0.2), math.log(1800)))
