"""Task and TaskQueue of asyncio, on the chip's clock. The interpreter's own, in C, stamp tasks with the machine's time.

A queue is a list sorted by wake-up time; ties keep their order of arrival, as in the C pairing heap. Due times are ticks.
"""

from .time import ticks_diff, ticks_ms


class TaskQueue:
    def __init__(self):
        self._tasks = []

    def peek(self):
        return self._tasks[0] if self._tasks else None

    def push(self, task, key=None):
        task.data = None
        task.ph_key = key = ticks_ms() if key is None else key
        # From the front: most are due soon, and whoever sleeps long lies behind.
        tasks = self._tasks
        i = 0
        for other in tasks:
            if ticks_diff(key, other.ph_key) < 0:
                break
            i += 1
        tasks.insert(i, task)

    def pop(self):
        if not self._tasks:
            raise IndexError("empty heap")
        return self._tasks.pop(0)

    def remove(self, task):
        self._tasks.remove(task)


class Task:
    def __init__(self, coro, globals=None):
        self.coro = coro
        self.data = None      # what the task waits for, or its exception once it is done
        self.state = True     # True: running, a TaskQueue: others wait for it, None or False: done
        self.ph_key = 0
        self.core = globals   # of asyncio.core, which owns the current task and the run queue

    def __repr__(self):
        return "<Task>"

    def __iter__(self):
        if not self.state:
            self.state = False
        elif self.state is True:
            self.state = TaskQueue()
        elif type(self.state) is not TaskQueue:
            raise RuntimeError("can't wait")
        return self

    def __next__(self):
        if not self.state:
            raise self.data
        current = self.core["cur_task"]
        self.state.push(current)
        current.data = self

    def done(self):
        return not self.state

    def cancel(self):
        if not self.state:
            return False
        if self is self.core["cur_task"]:
            raise RuntimeError("can't cancel self")
        task = self
        while isinstance(task.data, Task):
            task = task.data
        queue = self.core["_task_queue"]
        if hasattr(task.data, "remove"):
            task.data.remove(task)
            queue.push(task)
        elif ticks_diff(task.ph_key, ticks_ms()) > 0:
            queue.remove(task)
            queue.push(task)
        task.data = self.core["CancelledError"]
        return True
