"""The monitor's HTTP side (R39): who may read, who may press buttons, what the health checks and /metrics say, and what the API shows."""

import http.client
import json
import socket
import sqlite3
import time
import urllib.error
import urllib.request

import pytest
from waiting import until
from prometheus_client.parser import text_string_to_metric_families

from holdfast_bench.errors import BenchError

TOKEN = "a-token-for-the-tests-0123456789"


@pytest.fixture
def web(monitors, monkeypatch):
    monkeypatch.setenv("HOLDFAST_MONITOR_TOKEN", TOKEN)
    made = monitors(listen="127.0.0.1:0")
    until(lambda: made.link.connected)
    return made


def ask(monitor, path, body=None, headers=(), method=None, cookie=None):
    """(status, headers, text)."""
    at = monitor.web.url.split("/")[2]
    connection = http.client.HTTPConnection(at, timeout=30)
    headers = {"Host": at, **dict(headers), **({"Cookie": cookie} if cookie else {})}
    connection.request(method or ("GET" if body is None else "POST"), path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.getheaders()), text


def get(monitor, path, **kwargs):
    status, _, text = ask(monitor, path, **kwargs)
    assert status == 200, text
    return json.loads(text)


BEARER = {"Authorization": "Bearer " + TOKEN}
PATHS = ["/", "/api/summary", "/api/nodes", "/metrics", "/healthz", "/readyz", "/livez", "/live/fleet", "/api/alarms", "/api/node/messages?id=x"]


def test_reading_is_open_on_this_machine(web):
    for path in ["/", "/node?id=x", "/api/summary", "/api/nodes", "/metrics", "/app.css"]:
        assert ask(web, path)[0] == 200


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "10.0.0.9"}, {"Forwarded": "for=10.0.0.9"}, {"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example"}, {"Host": ""}])
def test_through_a_proxy_or_by_another_name_it_is_not(web, headers):
    for path in PATHS:
        assert ask(web, path, headers=headers)[0] == 401
        if path != "/live/fleet":
            assert ask(web, path, headers={**headers, **BEARER})[0] == 200 or "id=x" in path


def test_from_elsewhere_everything_needs_the_token(monitors, monkeypatch):
    address = [a[4][0] for a in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET) if not a[4][0].startswith("127.")]
    if not address:
        pytest.skip("this machine has no address but loopback")
    monkeypatch.setenv("HOLDFAST_MONITOR_TOKEN", TOKEN)
    made = monitors(listen="%s:0" % address[0])
    for path in PATHS:
        assert ask(made, path)[0] == 401
    assert ask(made, "/api/summary", headers=BEARER)[0] == 200
    assert ask(made, "/", headers={"Accept": "text/html"})[0] == 303


def test_buttons_need_the_token_even_here(web, nodes):
    nodes("hf-1")
    until(lambda: web.collector.presence.watches)
    for action in ("ping", "resend", "restart", "config", "forget"):
        body = {"id": "hf-1", "set": {"keepalive_s": 30}}
        assert ask(web, "/api/node/" + action, body)[0] == 401
        assert ask(web, "/api/node/" + action, body, headers={"Authorization": "Bearer wrong"})[0] == 401
        time.sleep(1.1)     # after a wrong token nobody is let in for a moment
    assert ask(web, "/api/alarms/retry", {})[0] == 401


def test_a_wrong_token_shuts_the_door_for_a_moment(web):
    assert ask(web, "/api/alarms/retry", {}, headers={"Authorization": "Bearer wrong"})[0] == 401
    assert ask(web, "/api/alarms/retry", {}, headers=BEARER)[0] == 401
    time.sleep(1.1)
    assert ask(web, "/api/alarms/retry", {}, headers=BEARER)[0] == 200


def test_a_session_counts_only_for_our_own_page(web, nodes):
    nodes("hf-1")
    until(lambda: web.collector.presence.watches)
    status, headers, _ = ask(web, "/login", {"token": TOKEN})
    cookie = headers["set-cookie"]
    assert status == 200 and "HttpOnly" in cookie and "SameSite=strict" in cookie and TOKEN not in cookie
    cookie = cookie.split(";")[0]
    own = web.web.url.rstrip("/")
    assert ask(web, "/api/node/ping", {"id": "hf-1"}, cookie=cookie)[0] == 401
    assert ask(web, "/api/node/ping", {"id": "hf-1"}, cookie=cookie, headers={"Origin": "http://evil.example"})[0] == 401
    assert ask(web, "/api/node/ping", {"id": "hf-1"}, cookie=cookie, headers={"Origin": own})[0] == 200


def test_the_token_is_made_once_and_only_its_owner_reads_it(monitors, tmp_path, monkeypatch):
    monkeypatch.delenv("HOLDFAST_MONITOR_TOKEN", raising=False)
    monitor = monitors(listen="127.0.0.1:0")
    place = tmp_path / "m.db.token"
    token = place.read_text().strip()
    assert len(token) >= 24 and place.stat().st_mode & 0o077 == 0
    assert token not in "\n".join(monitor.lines())
    monitors.stop(monitor)
    again = monitors(listen="127.0.0.1:0")
    assert place.read_text().strip() == token
    assert ask(again, "/api/alarms/retry", {}, headers={"Authorization": "Bearer " + token})[0] == 200


def test_a_port_that_is_taken_is_one_clear_error(monitors, web):
    with pytest.raises(BenchError, match="listen: 127.0.0.1:.* cannot be used"):
        monitors(listen=web.web.url.split("/")[2], name="second", database=str(web.store.path) + "2")


def test_buttons_reach_the_node_and_its_answer_is_on_the_time_line(web, nodes):
    node = nodes("hf-1")
    node.publish("a", lose=False)
    node.publish("b", lose=True)
    node.publish("c")
    until(lambda: web.collector.ledger.missing == 1 or web.collector.ledger.recovered)
    for action, extra in (("ping", {}), ("restart", {"kind": "soft"}), ("config", {"set": {"keepalive_s": 60}}), ("resend", {})):
        assert json.loads(ask(web, "/api/node/" + action, {"id": "hf-1", **extra}, headers=BEARER)[2])["ok"]
    until(lambda: {"ping", "reset", "config"} <= {name for name, _ in node.commands})
    assert json.loads(next(p for n, p in node.commands if n == "config"))["set"] == {"keepalive_s": 60}
    until(lambda: web.collector.ledger.recovered == 1)
    until(lambda: {e["kind"] for e in get(web, "/api/node/events?id=hf-1")["events"]} >= {"command", "reply"})


@pytest.mark.parametrize("action, body, status", [
    ("ping", {"id": "nobody"}, 404), ("ping", {}, 404), ("ping", {"id": 5}, 404), ("restart", {"id": "hf-1", "kind": "explode"}, 400), ("config", {"id": "hf-1"}, 400),
    ("config", {"id": "hf-1", "set": {"x": "y" * 2000}}, 413), ("ping", {"id": "hf-1", "x": "y" * 20000}, 413), ("ping", [1], 400)])
def test_wrong_requests_are_refused_by_name(web, nodes, action, body, status):
    nodes("hf-1")
    until(lambda: web.collector.presence.watches)
    got, _, text = ask(web, "/api/node/" + action, body, headers=BEARER)
    assert got == status and json.loads(text)["error"]


def test_health_has_its_usual_meaning(web, broker):  # R39
    assert [ask(web, p)[0] for p in ("/livez", "/readyz", "/healthz")] == [200, 200, 200]
    broker.stop()
    until(lambda: not web.link.connected)
    status, _, text = ask(web, "/readyz")
    assert status == 503 and "broker" in text
    assert ask(web, "/livez")[0] == 200, "starting it anew would not bring the broker back"
    assert json.loads(ask(web, "/healthz")[2])["broker"] is False
    broker.start()
    until(lambda: ask(web, "/readyz")[0] == 200)


def test_metrics_tell_what_was_done(web, nodes):  # R38, R39
    node = nodes("hf-1\"x")
    for n in range(1, 6):
        node.publish("v", lose=n == 3)
    node.repeat(5)
    node.publish(json.dumps({"queued": 7, "rtt_ms": 12, "rssi": -61, "dropped": 2, "tries": 4, "connects": 3, "boots": 5, "cause": 1}), topic="metrics")
    node.publish(json.dumps({"queued": 0, "boots": 6, "cause": 3}), topic="metrics")
    node.raw("sensor/x", b'{"i":0,"b":1,"p":""}')
    until(lambda: web.collector.ledger.recovered == 1 and web.collector.counters.duplicates == 1)
    found = {}
    for family in text_string_to_metric_families(ask(web, "/metrics")[2]):
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    label = (("node", "hf-1\"x"),)
    assert found["holdfast_node_up", label] == 1 and found["holdfast_node_messages_total", label] == 7
    assert found["holdfast_node_duplicates_total", label] == 1 and found["holdfast_node_missing", label] == 0
    assert found["holdfast_node_backlog", label] == 0 and found["holdfast_node_refused_total", label] == 1
    assert found["holdfast_node_resets_total", (("cause", "watchdog"), *label)] == 1
    assert found["holdfast_monitor_recovered_total", ()] == 1 and found["holdfast_monitor_broker_connected", ()] == 1
    assert found["holdfast_monitor_nodes", (("state", "online"),)] == 1
    assert ("holdfast_monitor_lag_seconds", ()) in found and ("holdfast_monitor_reconnect_seconds_count", ()) in found


def test_the_fleet_is_found_sorted_and_paged(web, nodes):
    node = nodes("hf-000")
    for n in range(1, 250):
        node._client.publish("holdfast/hf-%03d/x" % n, '{"i":1,"b":1,"p":"x"}', 1)
    until(lambda: get(web, "/api/nodes")["total"] == 250)
    page = get(web, "/api/nodes?sort=device&offset=100&limit=50")
    assert [r[0] for r in page["rows"]] == ["hf-%03d" % n for n in range(100, 150)]
    assert [r[0] for r in get(web, "/api/nodes?q=24&sort=device&order=down")["rows"]] == ["hf-249", "hf-248", "hf-247", "hf-246", "hf-245", "hf-244", "hf-243", "hf-242", "hf-241",
                                                                                       "hf-240", "hf-224", "hf-124", "hf-024"]
    for odd in ("sort=nonsense", "offset=-5", "limit=x", "limit=100000", "order=up", "q=" + "x" * 5000, "state=%00"):
        assert len(get(web, "/api/nodes?" + odd)["rows"]) <= 500


def test_the_live_stream_tells_changes(web, nodes):
    nodes("hf-1").publish("21.5")
    until(lambda: web.collector.counters.stored == 1)
    with urllib.request.urlopen(web.web.url + "live/node?id=hf-1", timeout=30) as stream:
        seen, event = {}, None
        while {"node", "messages"} - set(seen):
            line = stream.readline().decode().strip()
            if line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                seen[event] = json.loads(line[6:])
    assert seen["node"]["device"] == "hf-1" and seen["messages"][0]["text"] == "21.5" and seen["messages"][0]["trace"] == "hf-1:1:1"


def test_plots_come_out_of_numbers_objects_and_packed_values(web, nodes):
    node = nodes("hf-1")
    node.raw("schema/05/sensor/air", json.dumps({"s": 5, "f": [{"n": "temp", "c": "h", "k": 10}]}), retain=True)
    node.settle()
    for n in range(1, 6):
        node.publish("%d" % n, topic="a")
        node.publish("0a1b:%d %d.5" % (n, n), topic="stock")
        node.publish('{"x": %d, "y": "text"}' % n, topic="b")
        node.publish((n * 10).to_bytes(2, "big"), topic="sensor/air", s=5)
        node.publish("text", topic="c")
    until(lambda: web.collector.counters.stored == 25)
    series = {s["name"]: [v for _, v in s["points"]] for s in get(web, "/api/node/series?id=hf-1&minutes=5")["series"]}
    assert series == {"a": [1, 2, 3, 4, 5], "stock": [1.5, 2.5, 3.5, 4.5, 5.5], "b x": [1, 2, 3, 4, 5], "sensor/air temp": [1, 2, 3, 4, 5]}


def test_nothing_of_the_page_comes_from_elsewhere(web):
    for path in ("/", "/node", "/login", "/fleet.js", "/node.js", "/common.js", "/app.css"):
        status, headers, text = ask(web, path)
        assert status == 200 and "http://" not in text.replace("http://www.w3.org", "") and "https://" not in text
        assert "default-src 'self'" in headers["content-security-policy"]


def test_no_secret_is_shown_anywhere(monitors, broker, monkeypatch, tmp_path):
    monkeypatch.setenv("HOLDFAST_MONITOR_TOKEN", TOKEN)
    monkeypatch.setenv("HOLDFAST_MQTT_PASSWORD", "the broker's secret")
    monitor = monitors(listen="127.0.0.1:0", user="monitor", hooks=[{"url": "http://127.0.0.1:9/path-secret"}], log_level="debug")
    until(lambda: monitor.link.connected)
    text = "\n".join(monitor.lines())
    for path in ("/", "/api/summary", "/api/alarms", "/metrics", "/healthz"):
        text += ask(monitor, path)[2]
    for secret in (TOKEN, "the broker's secret", "path-secret"):
        assert secret not in text


def test_a_database_that_is_locked_does_not_hang_the_page(web, nodes):
    nodes("hf-1").publish("x")
    until(lambda: web.collector.counters.stored == 1)
    other = sqlite3.connect(web.store.path, isolation_level=None)
    other.execute("begin immediate")
    assert get(web, "/api/node/messages?id=hf-1")["rows"]
    other.execute("rollback")
    other.close()


def test_a_button_that_the_database_refuses_costs_nobody_the_monitor(web, nodes):
    nodes("hf-1").publish("x")
    until(lambda: web.collector.counters.stored == 1)
    other = sqlite3.connect(web.store.path, isolation_level=None)
    other.execute("begin immediate")
    status, _, text = ask(web, "/api/node/forget", {"id": "hf-1"}, headers=BEARER)
    assert status == 503 and "locked" in text and web.live() and "hf-1" in web.collector.presence.watches
    other.execute("rollback")
    other.close()
    assert ask(web, "/api/node/forget", {"id": "hf-1"}, headers=BEARER)[0] == 200 and "hf-1" not in web.collector.fleet.nodes


def test_a_body_without_end_is_not_read_to_its_end(web):
    for path, headers in (("/login", {}), ("/api/node/ping", BEARER)):
        assert ask(web, path, {"token": "x" * (1 << 20)}, headers=headers)[0] == 413


def test_headers_that_are_none_are_refused_like_others(web):
    assert ask(web, "/api/summary", headers={"Host": "["})[0] == 401
    cookie = ask(web, "/login", {"token": TOKEN})[1]["set-cookie"].split(";")[0]
    assert ask(web, "/api/node/ping", {"id": "hf-1"}, cookie=cookie, headers={"Origin": "http://["})[0] == 401


def test_somebody_who_guesses_shuts_out_nobody_else():
    from holdfast_bench.monitor.web.auth import Guard

    guard = Guard(None, TOKEN, ())
    assert guard.login("wrong", "10.0.0.9") is None and guard.login(TOKEN, "10.0.0.9") is None
    assert guard.login(TOKEN, "10.0.0.1")
    for n in range(20_000):
        guard.login("wrong", "10.1.%d.%d" % divmod(n, 256))
    assert len(guard._shut) <= 10_000


def test_errors_are_answers(web):
    assert ask(web, "/nothing/here")[0] == 404
    assert ask(web, "/api/node?id=nobody")[0] == 404
    assert ask(web, "/api/summary", method="DELETE", headers=BEARER)[0] == 405
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(web.web.url + "../../etc/passwd", timeout=10)
