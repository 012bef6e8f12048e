"""What may go wrong inside the broker of a run, when it is the built-in one. Used by the faults; knows world/broker_faults.py."""


class BrokerHooks:
    """Hooks of a BuiltinBroker that are on; healing one leaves the others on."""

    def __init__(self, builtin):
        self._builtin = builtin
        self._on = {}

    def begin(self, hook, settings):
        self._on[hook] = settings
        self._builtin.fault(hook, **settings)

    def end(self, hook):
        """Counters start again, those of the others too: they have shown themselves by then."""
        self._on.pop(hook, None)
        self._builtin.fault("clear")
        for other, settings in self._on.items():
            self._builtin.fault(other, **settings)

    def count(self, name):
        return self._builtin.call(lambda: getattr(self._builtin.broker.faults, name))

    def kick(self):
        return self._builtin.kick()

    def forget(self):
        self._builtin.forget()
