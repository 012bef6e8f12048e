# A node on a battery: it wakes every ten minutes, measures, and sleeps; the radio is used at every sixth wake only.
#
# What was measured in between waits in RTC memory, which deep sleep does not clear. A value that cannot wait is urgent: then the radio
# goes on at once. Each wake is a new life of this program; what has to outlive it belongs into a message.
# Settings in config.json, all optional: "app": {"period_s": 600, "upload_every": 6, "alarm_c": 60}
import esp32
import holdfast

node = holdfast.Node("config.json")
app = node.config["app"]
alarm_c = app.get("alarm_c", 60)


def sample():
    celsius = (esp32.raw_temperature() - 32) / 1.8
    node.publish("sensor/temp", "%.1f" % celsius, urgent=celsius > alarm_c)


node.duty(sample, period_s=app.get("period_s", 600), upload_every=app.get("upload_every", 6))
