# Typed payloads on the chip's words and floats (R32).
from holdfast.typed import Typed
from stand_ins import Device


class Node:
    def __init__(self, box):
        self.box = box

    def publish(self, topic, payload, schema=0, qos=1):
        return self.box.put(topic, payload, qos, 0, schema)


def test_values_are_packed_as_by_struct_and_the_schema_goes_along():
    device = Device()
    air = Typed(Node(device.box), "sensor/air", "temp:h/10:C hum:B:% p:H/10:hPa")
    assert air.size == 5
    air.publish(21.5, 48, 1013.2)
    air.publish(-40, None, 6553.4)
    device.boot()
    box = device.box
    assert box.load() and (bytes(box.payload), box.schema) == (b"\x00\xd7\x30\x27\x94", air.id)
    box.take()
    assert box.load() and (bytes(box.payload), box.schema) == (b"\xfe\x70\xff\xff\xfe", air.id)


def test_two_schemas_of_one_topic_are_kept_apart():
    device = Device()
    for fields, value in (("t:h/10", 21.5), ("t:h/100", 21.5)):
        Typed(Node(device.box), "a", fields).publish(value)
    device.boot()
    seen = []
    while device.box.load():
        seen.append((device.box.schema, bytes(device.box.payload)))
        device.box.take()
    assert seen[0][1] == b"\x00\xd7" and seen[1][1] == b"\x08\x66" and seen[0][0] != seen[1][0]


def test_a_record_costs_the_values_and_six_bytes():
    device = Device()
    air = Typed(Node(device.box), "sensor/air", "temp:h/10:C hum:B:%")
    device.clock.t = 10
    air.publish(20, 50)
    before = device.block.tail
    device.clock.t += 10
    air.publish(21, 51)
    assert device.block.tail - before == 3 + 6
