"""One node's connection to the broker: a paho client driven by the event loop, so that a thousand need no threads.

Runs in the loop's thread. May use: paho-mqtt, asyncio.
"""

import asyncio

import paho.mqtt.client as paho

UNAVAILABLE = 3         # CONNACK: server unavailable
CONNECT_S = 5
TICK_S = 1.0            # paho looks after its keep-alive
IN_FLIGHT = 100


class Uplink:
    """`on_message(topic, payload, qos, retain, ack)`: ack() tells the broker that the node has it. `on_lost(why)`: once, when the connection
    ends without close()."""

    def __init__(self, broker, client_id, user, password, keepalive_s, will_topic, on_message, on_lost):
        self._broker = broker
        self._keepalive_s = keepalive_s
        self._on_message, self._on_lost = on_message, on_lost
        self._loop = asyncio.get_running_loop()
        self._connected = self._loop.create_future()
        self._published = {}        # paho's message id → what to call when the broker has it
        self._granted = {}          # likewise for subscriptions
        self._timer = None
        self._closed = self._refused = False
        self._client = client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, protocol=paho.MQTTv311,
                                            manual_ack=True)
        client.max_inflight_messages_set(IN_FLIGHT)
        client.connect_timeout = CONNECT_S
        if user:
            client.username_pw_set(user, password)
        client.will_set(will_topic, "offline", 1, True)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_publish, client.on_subscribe, client.on_message = self._on_publish, self._on_subscribe, self._on_arrival
        client.on_socket_open, client.on_socket_close = self._on_socket_open, self._on_socket_close
        client.on_socket_register_write, client.on_socket_unregister_write = self._want_write, self._no_write

    async def connect(self):
        """(CONNACK code, whether the broker has kept the session). Code 3 when there is no broker."""
        try:
            await self._loop.run_in_executor(None, self._client.connect, *self._broker, self._keepalive_s)
            self._tick()
            return await asyncio.wait_for(self._connected, CONNECT_S)
        except (OSError, asyncio.TimeoutError):
            self.close()
            return UNAVAILABLE, False

    def publish(self, topic, payload, qos, retain, done):
        """done() is called when the broker has acknowledged it (QoS 0: when it is written)."""
        info = self._client.publish(topic, payload, qos, retain)
        self._published[info.mid] = done

    def subscribe(self, patterns, done):
        """patterns: [(pattern, QoS)]. done([granted QoS or 128])."""
        _, mid = self._client.subscribe(patterns)
        self._granted[mid] = done

    def close(self):
        """Ends it in good order: no last will. Nothing is called back any more."""
        if self._closed:
            return
        self._closed = True
        self._published.clear()
        self._granted.clear()
        if self._timer:
            self._timer.cancel()
        self._client.disconnect()
        self._client.loop_write()
        self._client.loop_misc()

    # -- the loop's side -------------------------------------------------------------------------------------------------

    def _tick(self):
        self._timer = None
        if not self._closed:
            self._client.loop_misc()
            self._timer = self._loop.call_later(TICK_S, self._tick)

    # connect() runs in a worker thread: what it wants of the loop is handed over.
    def _on_socket_open(self, client, userdata, sock):
        self._loop.call_soon_threadsafe(self._watch, sock)

    def _watch(self, sock):
        if sock.fileno() >= 0:
            self._loop.add_reader(sock, self._client.loop_read)

    def _on_socket_close(self, client, userdata, sock):
        fd = sock.fileno()
        if fd >= 0:
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)

    def _want_write(self, client, userdata, sock):
        self._loop.call_soon_threadsafe(self._watch_write, sock)

    def _watch_write(self, sock):
        if sock.fileno() >= 0 and self._client.want_write():
            self._loop.add_writer(sock, self._client.loop_write)

    def _no_write(self, client, userdata, sock):
        if sock.fileno() >= 0:
            self._loop.remove_writer(sock)

    # -- what paho tells, holding locks of its own: whatever follows comes later -----------------------------------------

    def _on_connect(self, client, userdata, flags, reason, properties):
        if not self._connected.done():
            # VERSION2 gives MQTT 5 reasons; their values for 3.1.1's codes are 0x84 … 0x87 and 0x88 (unavailable).
            code = {0: 0, 132: 1, 133: 2, 136: 3, 134: 4, 135: 5}.get(reason.value, 5)
            self._refused = code != 0
            self._connected.set_result((code, bool(flags.session_present)))

    def _on_disconnect(self, client, userdata, flags, reason, properties):
        if not self._connected.done():
            self._connected.set_result((UNAVAILABLE, False))
        elif not self._closed and not self._refused:
            self._closed = True
            if self._timer:
                self._timer.cancel()
            self._loop.call_soon(self._on_lost, "the broker is lost: %s" % reason)

    def _on_publish(self, client, userdata, mid, reason, properties):
        done = self._published.pop(mid, None)
        if done:
            self._loop.call_soon(done)

    def _on_subscribe(self, client, userdata, mid, reasons, properties):
        done = self._granted.pop(mid, None)
        if done:
            self._loop.call_soon(done, [128 if reason.is_failure else reason.value for reason in reasons])

    def _on_arrival(self, client, userdata, message):
        def ack():
            if not self._closed:
                client.ack(message.mid, message.qos)

        self._loop.call_soon(self._on_message, message.topic, message.payload, message.qos, bool(message.retain), ack)
