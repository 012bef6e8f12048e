"""The monitor (`holdfast monitor`): receives what nodes send, keeps it once, finds what is missing, notices who falls silent.

Pure parts, which know no clock, network or database: ranges, ledger, resend, presence. Around them: link (MQTT), store/ (database), collector
(from one to the other), fleet (what is known of each node), alarms, metrics, retention, export, web/. service.py puts them together.
"""
