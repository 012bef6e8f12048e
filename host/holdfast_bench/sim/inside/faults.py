"""The fault catalogue's mechanisms in the modelled world: one class a symptom, under the name that scenarios use."""

from . import faults_air, faults_broker, faults_chip, faults_way

CATALOGUE = {
    "ap_gone": faults_way.ApGone, "cable_pulled": faults_way.CablePulled, "modem_gone": faults_way.ModemGone, "signal_lost": faults_way.SignalLost,
    "dhcp_silent": faults_way.DhcpSilent, "wrong_password": faults_way.WrongPassword, "dns_dead": faults_way.DnsDead, "deauth": faults_way.Deauth,
    "ap_moved": faults_way.ApMoved, "lease_changed": faults_way.LeaseChanged,
    "blackhole": faults_air.Blackhole, "one_way": faults_air.OneWay, "loss": faults_air.Loss, "slow_link": faults_air.SlowLink,
    "jittery_link": faults_air.JitteryLink, "half_open": faults_air.HalfOpen, "refused": faults_air.Refused, "rst": faults_air.Rst,
    "reorder": faults_air.Reorder, "duplicates": faults_air.Duplicates, "connect_timeout": faults_air.ConnectTimeout,
    "broker_stopped": faults_broker.BrokerStopped, "broker_killed": faults_broker.BrokerKilled, "connack_withheld": faults_broker.ConnackWithheld,
    "acks_lost": faults_broker.AcksLost, "login_refused": faults_broker.LoginRefused, "broker_hangs": faults_broker.BrokerHangs,
    "broker_forgets_session": faults_broker.BrokerForgetsSession, "acks_late": faults_broker.AcksLate, "broker_kicks": faults_broker.BrokerKicks,
    "packet_cut": faults_broker.PacketCut, "takeover": faults_broker.Takeover, "broker_moved": faults_broker.BrokerMoved,
    "power_cut": faults_chip.PowerCut, "power_cut_mid_write": faults_chip.PowerCutMidWrite, "power_cut_mid_flash": faults_chip.PowerCutMidFlash,
    "rtc_corrupt": faults_chip.RtcCorrupt, "reset": faults_chip.Reset, "clock_set_back": faults_chip.ClockSetBack, "clock_set": faults_chip.ClockSet,
    "watchdog_hang": faults_chip.WatchdogHang, "uart_noise": faults_chip.UartNoise,
}
