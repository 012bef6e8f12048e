"""How connections end, and what is left of them. Modelled TCP against what a real image and lwIP's source say (docs/simulation.md names the figures' sources)."""

from holdfast_bench.world.air import Forgotten
from holdfast_bench.world.lwip import DEAD, ECONNABORTED, ECONNRESET, ENOBUFS, OPEN
from holdfast_bench.world.tcp_chip import ACTIVE_MAX, TIME_WAIT_MS
from tcp_rig import PORT


def test_close_is_seen_by_the_host_behind_the_data_and_leaves_time_wait(w):
    flow = w.open()
    flow.write(b"bye")
    flow.close()
    w.run(100)
    assert w.app.got == b"bye" and w.app.ends[0][1] == "connection closed by the client"
    assert w.stack.flows == [] and w.host.peers == [] and len(w.stack._time_waits) == 1


def test_close_with_unread_bytes_is_a_reset(w):
    flow = w.open()
    w.app.peers[0].write(b"unread")
    w.run(50)
    flow.close()
    w.run(50)
    assert w.app.ends[0][1] == "connection reset"


def test_peer_close_shows_as_fin_behind_the_data_then_writes_are_reset(w):
    flow = w.open()
    w.app.peers[0].write(b"last")
    w.app.peers[0].close()
    w.run(50)
    assert flow.read(99) == b"last" and flow.fin and flow.state == OPEN
    assert flow.write(b"x") == 1
    w.run(50)
    assert (flow.state, flow.error) == (DEAD, ECONNRESET)


def test_both_sides_close_after_the_peer_began(w):
    flow = w.open()
    w.app.peers[0].close()
    w.run(50)
    flow.close()
    w.run(200)
    assert flow.state == DEAD and w.stack.flows == [] and w.host.peers == []


def test_peer_abort_is_a_reset(w):
    flow = w.open()
    w.app.peers[0].abort()
    w.run(50)
    assert (flow.state, flow.error) == (DEAD, ECONNRESET)


def test_lost_address_aborts_everything_and_tells_nobody(w):
    flow, dialing = w.open(), w.dial(port=2)
    w.stack.address_lost()
    assert [(f.state, f.error) for f in (flow, dialing)] == [(DEAD, ECONNABORTED)] * 2
    w.run(600_000)
    assert w.app.ends == [] and len(w.host.peers) == 1


def test_after_a_chip_reset_the_host_learns_of_it_when_it_sends(w):
    w.open()
    w.stack.reset()
    w.run(600_000)
    assert w.app.ends == []
    w.app.peers[0].write(b"hello?")
    w.run(50)
    assert w.app.ends[0][1] == "connection reset"


def test_host_forgets_connections_whose_chip_fell_asleep_while_they_were_closing(w):
    """A battery node's every upload ends like this: what stayed would fill the machine's table of connections within weeks."""
    w.app.answer = lambda data: w.app.peers[-1].close() or b""      # as a broker does at DISCONNECT
    for asleep_ms in (0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000):
        flow = w.open()
        flow.write(b"good bye")
        flow.close()
        w.run(asleep_ms)
        w.stack.reset()
        w.wifi.joined = False
        w.run(3_600_000)
        w.wifi.joined = True
        # (One that never heard of the end may stay: TCP has no clock for silence.)
        assert not [peer for peer in w.host.peers if peer._closed], asleep_ms
        w.host.reset_all()


def test_dead_process_closes_its_connections_and_the_port_refuses(w):
    flow = w.open()
    w.host.process_died(PORT)
    w.run(50)
    assert flow.fin and flow.state == OPEN
    again = w.dial()
    w.run(50)
    assert again.error == ECONNRESET


def test_dead_machine_is_silent_and_resets_old_connections_when_it_is_back(w):
    flow = w.open()
    w.host.power_off()
    flow.write(b"x")
    w.run(2_000)
    assert flow.state == OPEN
    w.host.power_on()
    w.until(lambda: flow.state == DEAD, 5_000)
    assert flow.error == ECONNRESET


def test_refusing_host_resets_standing_connections_and_new_ones(w):
    flow = w.open()
    w.host.refusing = True
    w.host.reset_all()
    w.run(50)
    assert (flow.state, flow.error, w.app.ends[0][1]) == (DEAD, ECONNRESET, "connection reset")
    again = w.dial()
    w.run(50)
    assert again.error == ECONNRESET


def test_closed_flows_that_cannot_say_goodbye_use_up_the_twelve_connections(w):
    for _ in range(ACTIVE_MAX):
        flow = w.open()
        w.air.add(Forgotten([flow]))
        flow.write(b"x")
        flow.close()
    full = w.dial()
    assert (full.state, full.error) == (DEAD, ENOBUFS)
    w.run(1_200_000)
    assert w.open().state == OPEN


def test_time_wait_makes_room(w):
    for _ in range(3 * ACTIVE_MAX):
        w.open().close()
        w.run(100)
    assert len(w.stack._time_waits) == ACTIVE_MAX
    w.run(TIME_WAIT_MS)
    w.open()
    assert w.stack._time_waits == []


def test_flow_closed_while_dialing_leaves_nothing_behind(w):
    flow = w.dial()
    flow.close()
    w.run(5_000)
    assert w.stack.flows == [] and w.host.peers == [] and w.app.peers == []
