"""R31: whatever the RTC memory holds at power-on – noise, another program's data – the node starts, empty, and keeps what comes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stand_ins import Device


@given(st.one_of(st.binary(max_size=2048), st.binary(min_size=512, max_size=8192)))
@settings(max_examples=150, deadline=None)
def test_any_content_of_the_memory_is_survived(content):
    device = Device(image=content)
    assert device.box.waiting == 0 and device.store.epochs == 1
    assert device.box.put("a", b"1", 1, 0) == 1
    device.boot()
    assert device.drain() == [(1, "a", b"1")]
