"""_thread, as on the ESP32, as far as a program with one thread sees it. A second thread is not modelled: it would run beside the
world, not in it, so starting one is refused."""

error = Exception


def start_new_thread(fn, args, kwargs=None):
    raise NotImplementedError("no second thread is modelled: use asyncio or a Timer")


def get_ident():
    return 1


def stack_size(size=0):
    return 0


def exit():
    raise SystemExit


class LockType:
    def __init__(self):
        self._held = False

    def acquire(self, waitflag=1, timeout=-1):
        if self._held:
            if waitflag and timeout < 0:
                raise NotImplementedError("waiting for ever for a lock that nobody else can release")
            return False
        self._held = True
        return True

    def release(self):
        if not self._held:
            raise RuntimeError
        self._held = False

    def locked(self):
        return self._held

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *exc):
        self.release()


def allocate_lock():
    return LockType()
