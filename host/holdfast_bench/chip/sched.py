"""What goes on while a call blocks: time passes, soft callbacks (Timer, micropython.schedule) run, Ctrl-C gets through.

Every interruptible wait of the fakes ends here; the uninterruptible ones (DNS, scan, active) call the kernel directly.
"""

from micropython import const

from .soc import chip

DEPTH = 8     # the port's scheduler queue

_kernel = chip.kernel
_todo = []
_state = [False, False]   # a callback is running, Ctrl-C was pressed
_RUNNING, _INTERRUPT = const(0), const(1)


def due():
    """The list of callbacks that wait for the program to look: its truth is all that a busy call may ask."""
    return _todo


def schedule(fn, arg):
    """Run fn(arg) soon, in the main program's context. Raises RuntimeError when the queue is full."""
    if len(_todo) >= DEPTH:
        raise RuntimeError("schedule queue full")
    _todo.append((fn, arg))
    _kernel.quick_us = 0


def interrupt():
    """Ctrl-C: the main program gets a KeyboardInterrupt at its next wait."""
    _state[_INTERRUPT] = True
    _kernel.quick_us = 0


def forget_interrupt():
    """A KeyboardInterrupt has just been dealt with: whatever else was pressed until now belongs to it."""
    _state[_INTERRUPT] = False
    if not _todo:
        _kernel.calm()


def run_pending():
    """Run what is due, as the VM does between two instructions. Callbacks do not nest."""
    if _state[_INTERRUPT]:
        forget_interrupt()
        if chip.console.on_interrupt is not None:
            chip.console.on_interrupt()
        raise KeyboardInterrupt
    if _state[_RUNNING]:
        return
    _state[_RUNNING] = True
    try:
        while _todo:
            fn, arg = _todo.pop(0)
            try:
                fn(arg)
            except Exception as e:
                chip.console.print_exception(e)
    finally:
        _state[_RUNNING] = False
    _kernel.calm()


def wait(until_ms, ready=None, asked=False):
    """kernel.wait(until_ms, ready, asked) in which callbacks run and Ctrl-C raises KeyboardInterrupt."""
    def wanted():
        return _state[_INTERRUPT] or (_todo and not _state[_RUNNING]) or (ready is not None and ready())

    while True:
        if _state[_INTERRUPT] or (_todo and not _state[_RUNNING]):
            run_pending()
        if not _kernel.wait(until_ms, wanted, asked):
            return False
        asked = False
        if not (_state[_INTERRUPT] or (_todo and not _state[_RUNNING])):
            return True


def _end(kind):
    _todo.clear()
    _state[_RUNNING] = _state[_INTERRUPT] = False
    _kernel.calm()


chip.enders.append(_end)
