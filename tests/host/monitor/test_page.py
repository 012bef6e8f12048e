"""The page in a headless Chromium, with clicks: what an operator does (R40). Screenshots stay in the test's folder."""

import json
import os
import shutil
import time

import pytest
from waiting import until

pytest.importorskip("selenium", reason="the page: the package selenium is not installed")
CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome"), shutil.which("chromedriver")
pytestmark = [pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="the page: chromium and chromedriver are not installed"), pytest.mark.timeout(300)]
TOKEN = "a-token-for-the-tests-0123456789"


@pytest.fixture
def browser(tmp_path):
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    options = Options()
    options.binary_location = CHROMIUM
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                 "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,1000", "--user-data-dir=%s" % (tmp_path / "profile")):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    os.environ["SE_AVOID_STATS"] = "true"
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture
def web(monitors, monkeypatch):
    monkeypatch.setenv("HOLDFAST_MONITOR_TOKEN", TOKEN)
    made = monitors(listen="127.0.0.1:0", steady_ms=1000)
    until(lambda: made.link.connected)
    return made


def one(browser, selector):
    from selenium.webdriver.common.by import By
    return until(lambda: next(iter(browser.find_elements(By.CSS_SELECTOR, selector)), None))


def text(browser, selector):
    """Its text, also while the page is putting it in anew."""
    return browser.execute_script("const e = document.querySelector(arguments[0]); return e ? e.innerText : ''", selector)


def click(browser, selector):
    one(browser, selector)
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)


def quiet(browser, allowed=()):
    """The browser complains of nothing."""
    found = [e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE" and not any(a in e["message"] for a in allowed)]
    assert not found, found


def test_an_operator_sees_the_fleet_finds_a_node_and_presses_its_buttons(web, nodes, browser, tmp_path):
    node = nodes("hf-00aa11", keeps=lambda seq: seq != 4)
    for n in range(1, 40):
        node.publish("%.1f" % (20 + n % 7), lose=n in (4, 9))
    node.publish(json.dumps({"queued": 3, "rssi": -61, "boots": 2, "cause": 1}), topic="metrics")
    node.publish(json.dumps({"lvl": "WARN", "svc": "link", "ev": "ladder", "msg": "radio off and on"}), topic="log")
    for n in range(120):
        node._client.publish("holdfast/other-%03d/status" % n, "online", 1)
    until(lambda: web.collector.counters.stored >= 39 and len(web.collector.presence.watches) == 121)
    browser.get(web.web.url)
    until(lambda: text(browser, "#shown") == "1–100 of 121")
    click(browser, "#forth")
    until(lambda: text(browser, "#shown") == "101–121 of 121")
    one(browser, "#search").send_keys("00aa")
    until(lambda: text(browser, "#shown") == "1–1 of 1")
    row = text(browser, "#rows tr")
    assert "hf-00aa11" in row and "-61 dBm" in row and "online" in row
    click(browser, "#sort-device")
    until(lambda: "▴" in text(browser, "#sort-device"))
    browser.save_screenshot(str(tmp_path / "fleet.png"))
    click(browser, "#rows a")
    until(lambda: text(browser, "#name") == "hf-00aa11")
    until(lambda: "radio off and on" in text(browser, "#log") and "20" in text(browser, "#messages"))
    until(lambda: browser.execute_script("return document.querySelectorAll('#plots path').length") >= 1)
    until(lambda: browser.execute_script("return document.querySelectorAll('#line rect').length") >= 1)
    until(lambda: "filled" in text(browser, "#gaps") and "gone" in text(browser, "#gaps"))
    click(browser, "#ping")     # a button asks for the token
    one(browser, "#token").send_keys("wrong")
    click(browser, "#token-ok")
    until(lambda: "not the token" in text(browser, "dialog[open]"))
    time.sleep(1.2)
    one(browser, "#token").clear()
    one(browser, "#token").send_keys(TOKEN)
    click(browser, "#token-ok")
    until(lambda: "Ping sent" in text(browser, "#note"))
    until(lambda: any(name == "ping" for name, _ in node.commands))
    click(browser, "#restart")
    click(browser, "#ask-ok")
    until(lambda: any(name == "reset" for name, _ in node.commands))
    click(browser, "#config")
    area = one(browser, "#ask-area")
    area.clear()
    area.send_keys('{"keepalive_s": 45}')
    click(browser, "#ask-ok")
    until(lambda: any(name == "config" and json.loads(p)["set"] == {"keepalive_s": 45} for name, p in node.commands))
    click(browser, "#resend")
    until(lambda: "Nothing is missing" in text(browser, "#note"))
    until(lambda: "reset by the page" in text(browser, "#events"))
    browser.save_screenshot(str(tmp_path / "node.png"))
    assert TOKEN not in browser.page_source
    quiet(browser, allowed=("401", "403"))


def test_an_alarm_appears_by_itself_and_goes_again(web, nodes, browser, tmp_path):
    node = nodes("hf-1")
    node.publish("x")
    browser.get(web.web.url)
    until(lambda: "hf-1" in text(browser, "#rows") and "online" in text(browser, "#rows"))
    time.sleep(2)
    node.raw("status", "offline", retain=True)
    until(lambda: "last will" in text(browser, "#alarms"))
    assert text(browser, "#tile-alarm b") == "1"
    click(browser, "#tile-offline")
    until(lambda: text(browser, "#shown") == "1–1 of 1")
    browser.save_screenshot(str(tmp_path / "alarm.png"))
    click(browser, "#tile-offline")
    node.raw("status", "online", retain=True)
    until(lambda: "Every node that ought to be there is there" in text(browser, "#alarms"))
    quiet(browser)


def test_what_a_node_says_is_text_and_never_code(web, nodes, browser):
    evil = '<img src=x onerror="document.title=1234"><script>document.title=1234</script>'
    node = nodes("hf-1")
    node._client.publish("holdfast/<b onmouseover=alert(1)>/sensor/x", evil, 1)
    node._client.publish("holdfast/<b onmouseover=alert(1)>/log", json.dumps({"lvl": evil, "msg": evil}), 1)
    until(lambda: web.collector.counters.stored == 2)
    browser.get(web.web.url)
    until(lambda: "<b onmouseover" in text(browser, "#rows"))
    browser.get(web.web.url + "node?id=%3Cb%20onmouseover%3Dalert(1)%3E")
    until(lambda: "onerror" in text(browser, "#messages") and "onerror" in text(browser, "#log"))
    assert "1234" not in browser.title and not browser.execute_script("return document.querySelectorAll('main img, main script').length")
    quiet(browser)


def test_ten_thousand_nodes_on_the_page(web, nodes, browser, tmp_path):
    collector = web.collector

    def fill():
        now = int(time.time() * 1000)
        for n in range(10_000):
            node = collector.fleet.node("sim-%05d" % n, now)
            node.messages, node.last_ms, node.numbers = n, now - n, {"rssi": -50 - n % 40, "queued": n % 13}
            collector.presence.status("sim-%05d" % n, "sleeping 600" if n % 50 == 0 else "online", now, False)
    collector.call(fill)
    until(lambda: len(collector.presence.watches) == 10_000)
    browser.get(web.web.url)
    until(lambda: text(browser, "#shown") == "1–100 of 10000")
    one(browser, "#search").send_keys("0999")
    until(lambda: text(browser, "#shown") == "1–11 of 11")
    began = time.monotonic()
    size = len(browser.execute_async_script("const done = arguments[0]; fetch('/api/nodes?limit=100&sort=backlog').then(a => a.text()).then(done)"))
    assert size < 40_000, "a page, not the fleet"
    assert time.monotonic() - began < 30
    browser.save_screenshot(str(tmp_path / "many.png"))
    browser.set_window_size(420, 900)
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth + 1"), "it fits a phone"
    browser.save_screenshot(str(tmp_path / "phone.png"))
    quiet(browser)


def test_without_the_monitor_the_page_says_so(web, nodes, browser):
    browser.get(web.web.url)
    until(lambda: "online" in text(browser, "#tiles"))
    web.web.stop()
    until(lambda: browser.execute_script("return !document.querySelector('#cut').hidden"))
