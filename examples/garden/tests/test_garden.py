"""Tests of the garden, as its owner wrote them: nothing but pytest and Holdfast's fixtures."""

import pytest


def test_the_valve_obeys(board):
    board.publish("cmd/valve", "open", qos=1)
    board.expect("the valve says that it is open", src="broker", ev="recv", topic="holdfast/b1/valve", within_s=5)


def test_moisture_survives_an_outage(board, wifi, bench):
    wifi.away(for_s=20)
    board.wait_online(within_s=30)
    bench.wait(2)
    assert len(board.received("soil/moisture")) > 30


def test_a_command_sent_during_an_outage_arrives_after_it(board, wifi):
    with wifi.away():
        board.expect("it notices", ev="state", new=["suspect", "backoff"], within_s=10)
        board.publish("cmd/valve", "open", qos=1)
    board.expect("the valve opens", src="broker", ev="recv", topic="holdfast/b1/valve", within_s=30)


@pytest.mark.parametrize("kind", ["software", "panic", "task_wdt"])
def test_moisture_survives_a_reset_in_the_middle_of_an_outage(board, network, power, kind):
    with network.blackhole():
        board.expect("it notices", ev="state", new=["suspect", "backoff"], within_s=10)
        power.reset(kind)
        board.expect("it starts again", ev="boot", within_s=10)


@pytest.mark.needs("connack_withheld")
def test_a_broker_that_never_answers(board, broker):
    broker.fault("connack_withheld", for_s=15)
    board.wait_online()


@pytest.mark.holdfast(boards=2)
def test_the_neighbour_is_left_alone(boards, bench):
    with boards[0].fault("ap_gone"):
        bench.wait(15)
        assert boards[1].state == "online"
        assert boards[0].state != "online"
