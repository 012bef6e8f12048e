# node.py - puts the parts together, and the public API. The only module that knows everyone; what the parts tell it is in events.py.
# Time: ticks, through the parts.   Blocks: while it is being made (files, NVS); publish() never.
# A Node is made of memory alone; what the network needs is loaded by start(): a battery node's wake without radio never does.
import gc
from micropython import const
import machine
import os
import sys
from time import sleep_ms, ticks_diff, ticks_ms

from . import release
from .block import Block
from .clock import Clock
from .events import Events
from .lives import begin, settled
from .nvs import Store
from .outbox import Outbox
from .ring import Ring
from .router import Router
from .topics import Topics

_TTL_MAX = const(100000000)
_URGENT = const(8)  # message flags, see topics.py
_RETAIN = const(4)
_SETTLED_MS = const(120000)  # a life that lasts so long has got somewhere


# Forgets a module that is needed but once; its memory is free after the next collection.
def _unload(name):
    package = sys.modules.get("holdfast")
    sys.modules.pop("holdfast." + name, None)
    if hasattr(package, name):
        delattr(package, name)


# Is there anything in this folder?
def _there(folder):
    try:
        for _ in os.ilistdir(folder):
            return True
    except OSError:
        pass
    return False


class Node(Events):
    # config: path of a JSON file, or a dict. Raises ConfigError, naming the setting and what is allowed.
    def __init__(self, config="config.json"):
        from .config import load

        self._born = ticks_ms()
        cfg = load(config)
        _unload("config")
        _unload("dtu_config")
        _unload("paths_config")
        self.id = cfg["id"] = cfg["id"] or "hf-" + "".join(["%02x" % b for b in machine.unique_id()[-3:]])
        self.life = None  # the application's own name for this run of it, shown in the boot event
        self.verbose = cfg["verbose"]
        self.schemas = []  # what receivers are to know of typed topics: (topic below the prefix, payload)
        self.path = self.watchdog = self.supervisor = self.receiver = None
        self.stopping = self._announced = False
        self.patient = False
        self.fetch = None  # new firmware is being fetched (update)
        self._prefix = "%s/%s/" % (cfg["base"], self.id)
        self.router = Router(self._prefix, self.error, self._app_error)
        self._store = store = Store()
        block = Block(machine.RTC(), cfg["rtc_bytes"], store.epoch)
        Events.__init__(self, cfg, block)
        self.cause = machine.reset_cause()
        self.boots, quick, causes, errors = begin(block, store, self.cause)
        self.held = None  # what is to be told about the safe mode that this life began with
        if 0 < cfg["safe_boots"] <= quick:
            from .safe import hold

            hold(self, quick, causes, errors)
            _unload("safe")
        if cfg.get("trial"):
            from .trial import forget

            forget(block)
        self.clock = Clock(block)
        topics = Topics(block, store.load, store.save)
        self._classes = [c["name"] for c in cfg["classes"]]
        self._ttls = [c["ttl_s"] for c in cfg["classes"]]
        policies = [c["overflow"] for c in cfg["classes"]]
        self.outbox = Outbox(Ring(block, topics.sizes), topics, self.clock, policies, max(cfg["window"], cfg["burst"]), self._dropped)
        self._spool_at = 0  # bytes in the ring from which on they go to flash while there is no connection; 0: never
        if cfg["spool_kb"]:
            self._spool_at = len(block.area) * cfg["spool_at"] // 100
            self.outbox.spill = lambda: self._save(True)
            if _there("/spool"):
                self._load_spool()
        block.commit()
        _unload("layout")
        _unload("recover")
        # What is accepted can also be sent: the envelope adds a third, at most, and some.
        self.longest = min(cfg["payload_max"], (cfg["out_bytes"] - 320) * 3 // 4, len(block.area) // 4)

    # This life has got somewhere: messages were acknowledged, it lasts, it ends in order, or somebody is at the prompt.
    def settled(self):
        settled(self._block, self._store)

    # Loads what the network needs: watchdog, path, supervisor.
    def _load_network(self):
        if self.supervisor:
            return
        gc.collect()  # what stays for good is to lie together, below what making the node has left behind
        from .supervisor import Supervisor
        from .watchdog import Watchdog

        cfg = self.config
        self.watchdog = Watchdog(cfg["watchdog_s"] * 1000, self._starved)
        if cfg["paths"]:
            from .paths import Paths as Path
        else:
            from .path import Wifi as Path
        self.path = Path(cfg, self.outbox.block, self.clock.stamp)
        self.supervisor = Supervisor(cfg, self._prefix, self.outbox, self.path, self.watchdog, self)
        self.supervisor.session.retained = self.schemas

    # ---- messages

    # Takes a message over and returns its sequence number; it then is in memory that survives a reset. Never waits.
    # 0: there was no room and its class drops the newest (counted, reported as `drop`).
    # topic: below "<base>/<id>/". payload: str or bytes. ttl_s: drop it when older (default: its class's). urgent: overtakes.
    # Raises ValueError that says what is wrong, Full for a class that raises when there is no room.
    def publish(self, topic, payload, qos=1, retain=False, cls="normal", ttl_s=None, urgent=False, schema=0):
        if self.stopping:
            raise ValueError("the node has been stopped")
        if isinstance(payload, str):
            payload = payload.encode()
        elif not isinstance(payload, (bytes, bytearray, memoryview)):
            raise ValueError("payload %r: str or bytes" % payload)
        if len(payload) > self.longest:
            raise ValueError("payload of %d bytes: at most %d" % (len(payload), self.longest))
        if qos != 1 and qos != 0 and qos != 2:
            raise ValueError("qos %r: 0, 1 or 2" % qos)
        if cls not in self._classes:
            raise ValueError("class %r: not in the configuration" % cls)
        cls = self._classes.index(cls)
        if ttl_s is None:
            ttl_s = self._ttls[cls]
        elif not isinstance(ttl_s, int) or not 0 <= ttl_s <= _TTL_MAX:
            raise ValueError("ttl_s %r: 0 to %d" % (ttl_s, _TTL_MAX))
        if not isinstance(topic, str) or not 0 < len(topic) <= 150 or "+" in topic or "#" in topic or "\0" in topic:
            raise ValueError("topic %r: 1 to 150 characters, no + or #" % topic)
        seq = self.outbox.put(topic, payload, cls << 4 | (_URGENT if urgent else 0) | (_RETAIN if retain else 0) | qos, ttl_s, schema)
        supervisor = self.supervisor
        if supervisor and supervisor.session.up:
            supervisor.bell.ring()
        elif self._spool_at and not self.patient and self.outbox.ring.used() >= self._spool_at:
            self.save()
        return seq

    # Moves what waits in RTC memory to flash, where it outlives a loss of power; the node itself does so when RTC memory runs full without
    # a connection, and when it is full. Returns how many messages that were; 0 also when the flash has no room or its erases of the day
    # are spent. Blocks 50-250 ms.
    def save(self):
        return self._save(False)

    # drop: may the oldest segment be given up for it?
    def _save(self, drop):
        box = self.outbox
        if not self._spool_at or not box.waiting or not (box.spool or self._load_spool()):
            return 0
        return box.spool.save(self, drop)

    def _load_spool(self):
        from .spool import Spool

        cfg = self.config
        try:
            self.outbox.spool = Spool(self.outbox, self._store, cfg["spool_kb"], cfg["spool_erases"])
        except OSError as e:
            self._spool_at = 0  # there is no file system to write to
            self.outbox.spill = None
            self.error("flash", repr(e))
        return self.outbox.spool

    # A topic whose payloads are packed values: node.typed("sensor/air", "temp:h/10:C hum:B:%").publish(21.5, 48) takes three bytes.
    # Receivers get to know how to read them. Raises ValueError for a bad description.
    def typed(self, topic, fields):
        from .typed import make

        return make(self, topic, fields)

    # Decorator: calls handler(topic, payload) for messages below "<base>/<id>/" that fit `pattern` (topic: str, payload:
    # bytes). May be used at any time. Raises ValueError for a bad pattern or QoS, and for more handlers than one message may be for.
    def on(self, pattern, qos=1):
        def register(handler):
            self.router.check(pattern, qos)
            self._listen(pattern, handler, qos)
            return handler

        return register

    def _listen(self, pattern, handler, qos=1):
        if self.router.add(pattern, qos, handler) and self.supervisor:
            self.supervisor.want(pattern, qos)

    # A message has come: calls the handlers that it is for. topic, payload: bytes; payload None: it was too long.
    def deliver(self, topic, payload):
        self.router.deliver(topic, payload)

    # down, dialing, online, suspect, backoff or error.
    @property
    def state(self):
        return self.supervisor.state if self.supervisor else "down"

    # Messages that are not acknowledged yet, in RTC memory and in flash.
    @property
    def queued(self):
        box = self.outbox
        return box.waiting + (box.spool.waiting if box.spool else 0)

    # Counters since start and what is measured now, as a dict (R38); they are also reported on the topic `metrics`.
    def metrics(self):
        from .metrics import collect

        return collect(self)

    # ---- running

    # Runs the node and `coro`; never returns but by an exception such as Ctrl-C.
    def run(self, coro=None):
        import asyncio

        try:
            asyncio.run(self._main(coro))
        finally:
            asyncio.new_event_loop()

    # An application that ends, however, leaves a node behind that goes on with everything else - unless it is watched: then
    # the watchdog misses it.
    async def _main(self, coro):
        self.start()
        if coro:
            try:
                await coro
            except Exception as e:
                self._app_error(e)
        from asyncio import sleep

        while True:
            await sleep(3600)

    async def _last(self):
        from asyncio import sleep_ms

        await sleep_ms(_SETTLED_MS)
        self.settled()

    # Tells the console, and whoever listens, that this life has begun: once.
    def announce(self):
        if self._announced:
            return
        self._announced = True
        self.emit("boot", {
            "id": self.id, "ver": release(), "cause": self.cause, "boots": self.boots, "epoch": self.outbox.block.epoch,
            "queued": self.queued, "life": self.life, "drops": self._given_up(),
        })
        if self.held:
            self.log("ERROR", self.held)
            self.held = None

    # Starts the node's tasks, for an application that runs asyncio itself.
    def start(self):
        from asyncio import create_task, get_event_loop

        cfg = self.config
        self._load_network()
        self._listen("cmd/resend", self._asked)
        if cfg["remote"]:
            self._listen("cmd/ping", self._remote, 0)
            self._listen("cmd/reset", self._remote)
            self._listen("cmd/config", self._remote)
        if cfg["broker_list"]:
            self._listen("cmd/brokers", self._remote)
        if cfg["update_key"]:
            self._listen("cmd/update", self._remote)
        if cfg["log"] != "none":
            from .log import Log

            create_task(Log(self, cfg["log"]).run())  # it is to hear of the start
        get_event_loop().set_exception_handler(self._task_died)
        self.announce()
        if cfg.get("trial"):
            from .trial import follow

            follow(self)
        if _there("/next"):
            from .swap import follow

            follow(self)
        create_task(self._last())
        self._task = self.watchdog.find("link").task = create_task(self.supervisor.run())
        self.watchdog.start()
        create_task(self.watchdog.run())
        if cfg["ntp"]:
            from .timesync import run

            create_task(run(self, cfg["ntp"], cfg["ntp_s"]))
        if cfg["metrics_s"]:
            from .metrics import report

            create_task(report(self, cfg["metrics_s"]))
        if cfg["app_ping_s"]:
            from .receiver import Receiver

            self.receiver = Receiver(self)
            create_task(self.receiver.run())
        if cfg["dtu"]:
            from .dtu import start

            start(self, cfg["dtu"])
        if self._console:
            create_task(self._console.read())
            create_task(self._console.write())

    # A task of the application that must be seen alive: call what is returned at least every limit_ms.
    def watch(self, name, limit_ms):
        from asyncio import current_task

        self._load_network()
        beat = self.watchdog.watch(name, limit_ms)
        beat.task = current_task()
        return beat

    # Stops in order (R11): takes no more messages, announces `status`, waits for those on their way (stop_ms at most), closes. What is
    # not acknowledged stays in RTC memory; with save it goes to flash, for the power is going to be off.
    async def stop(self, status="offline", save=False):
        supervisor = self.supervisor
        if not self.stopping:
            self.stopping = True
            if supervisor:
                supervisor.last_word = status
                supervisor.stopping = True
                supervisor.bell.ring()
                self.watchdog.find("link").task = None
                await self._task
                self.watchdog.forget("link")
            self.settled()
            self.outbox.commit()
        if save:
            self.save()

    # Battery operation, instead of run(); never returns. Calls sample(), which publishes, every period_s; in between the chip is in
    # deep sleep. The radio is used at every upload_every-th wake only, and when RTC memory is nearly full or an urgent message is
    # there; for limit_s at most, and listen_ms after all is sent, for what comes in. save: asked before each sleep; when it says so, what
    # waits goes to flash, because the battery is nearly empty. True: always, because the sleep is so long.
    def duty(self, sample, period_s, upload_every=10, limit_s=30, listen_ms=500, save=None):
        from .duty import run

        run(self, sample, period_s, upload_every, limit_s, listen_ms, save)

    # Deep sleep, ms long; with save after what waits was moved to flash.
    def sleep(self, ms, save=False):
        if self.verbose:
            self.emit("sleep", {"ms": ms, "awake_ms": ticks_diff(ticks_ms(), self._born), "radio": bool(self.supervisor)})
        self.reset(None, "deepsleep", ms, save)

    # Resets the chip: "hard", "soft", or "deepsleep" for ms. Everything accepted is in RTC memory already; save moves it to flash, for
    # what comes may take that memory as well: new firmware, a battery that is changed. (What is on its way may arrive twice then.)
    def reset(self, why, kind="hard", ms=0, save=False):
        if why:
            self.error("reset", why)
        if save:
            self.outbox.rewind()
            self.save()
        if kind == "deepsleep":
            self.settled()
        self.outbox.commit()
        if self._console:
            self._console.drain()
            sleep_ms(20)  # the UART's FIFO
        if kind == "deepsleep":
            machine.deepsleep(ms)
        elif kind == "soft":
            machine.soft_reset()
        else:
            machine.reset()

    # The program was stopped from the REPL: the watchdog leaves whoever did that in peace for a while, ten minutes.
    def leave(self):
        self.settled()
        if self.watchdog:
            self.watchdog.stretch(600000)

    # ---- the node's own commands

    def _remote(self, topic, payload):
        from .remote import handle

        handle(self, topic, payload, self.supervisor.session.stale)

    # A receiver misses messages (R20).
    def _asked(self, topic, payload):
        box = self.outbox
        if not box.resend:
            from .resend import Resend

            box.resend = Resend(box, self.supervisor.tell)
        box.resend.request(payload)
