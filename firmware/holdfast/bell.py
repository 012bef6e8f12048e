# bell.py - a sleep that can be cut short, for one waiter, without allocating.
# May import: asyncio.   Time: ticks, through asyncio.   Blocks: never.
#
# asyncio has no such thing short of an Event with wait_for, which makes a task each time. Here the sleeping task is
# taken off asyncio's queue and put back as due now. The queue is looked up at each use: the loop may be a new one.
from asyncio import core
from time import ticks_ms


class Bell:
    def __init__(self):
        self._task = None
        self._rung = False

    # Sleeps until rung, at most ms. True when it was rung, also when that was before the call.
    async def wait(self, ms):
        if not self._rung and ms > 0:
            self._task = core.cur_task
            try:
                await core.sleep_ms(ms)
            finally:
                self._task = None
        rung = self._rung
        self._rung = False
        return rung

    # Wakes the waiter, or keeps the next wait from sleeping.
    def ring(self):
        self._rung = True
        task = self._task
        # data: a cancellation is on its way to the task; queueing it anew would lose that
        if task is not None and task.data is None:
            self._task = None
            queue = core._task_queue
            queue.remove(task)
            queue.push(task, ticks_ms())

    # Whoever waits is not to be woken again (the bench has made it hang).
    def disarm(self):
        self._task = None
