"""Many seeds at once: worker processes on this machine, or a Dask cluster. Trials come back in the order in which they end."""

import concurrent.futures
import contextlib
import os
import signal

from ..errors import BenchError
from .trial import trial

AHEAD = 4       # seeds handed out per worker: results come steadily, and little is lost when the campaign is stopped


def local(seeds, hours, jobs=None, firmware=None):
    """Yields the Trial of each seed. jobs: worker processes, by default one per core. Closing the generator ends the workers."""
    jobs = jobs or os.cpu_count() or 1
    with contextlib.ExitStack() as stack:
        pool = concurrent.futures.ProcessPoolExecutor(jobs, initializer=_worker)
        stack.callback(_end, pool)
        yield from _as_they_end(pool.submit, concurrent.futures.wait, seeds, hours, firmware, jobs * AHEAD)


def _as_they_end(submit, wait, seeds, hours, firmware, at_once):
    waiting, seeds = set(), iter(seeds)
    for seed in seeds:
        waiting.add(submit(trial, seed, hours, firmware))
        if len(waiting) >= at_once:
            done, waiting = wait(waiting, return_when="FIRST_COMPLETED")
            yield from (_result(future) for future in done)
    while waiting:
        done, waiting = wait(waiting, return_when="FIRST_COMPLETED")
        yield from (_result(future) for future in done)


def _result(future):
    try:
        return future.result()
    except concurrent.futures.process.BrokenProcessPool:
        raise BenchError("a worker of the campaign was killed (out of memory?); what is done is kept, start it again to go on") from None


def _worker():
    """Ctrl-C is the campaign's business; a request to end unwinds, so that the worker's interpreter ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)


def _leave(number, frame):
    raise SystemExit(1)


def _end(pool):
    workers = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(5)


def on_dask(address, seeds, hours, firmware=None):
    """The same on a Dask cluster; its workers need this checkout, set up, at the same place. Raises BenchError."""
    try:
        from distributed import Client, wait
    except ImportError:
        raise BenchError("--dask needs the library `distributed`: .venv/bin/pip install distributed") from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError, TimeoutError) as e:
        raise BenchError("no Dask scheduler answers at %s: %s" % (address, str(e).splitlines()[0] if str(e) else type(e).__name__)) from None
    with client:
        workers = len(client.scheduler_info()["workers"])
        if not workers:
            raise BenchError("the Dask scheduler at %s has no workers" % address)
        yield from _as_they_end(lambda *args: client.submit(*args, pure=False), wait, seeds, hours, firmware, workers * AHEAD)
