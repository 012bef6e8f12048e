"""What all faults inside the broker share: hooks of the built-in one, and a counter that shows what they have hit."""

from . import Fault

BUILTIN = {"sim": "a hook of the modelled broker", "twin": "a hook of the built-in broker, which is then the broker of the run",
           "hil": "a hook of the built-in broker (driver = \"builtin\" in the board file, or --broker builtin)"}


class HookFault(Fault):
    """`hook` is a method of world/broker_faults.py, `counter` the attribute there that counts what it has hit."""

    needs = ("hooks",)
    together = True
    how = BUILTIN
    hook = counter = shown = ""
    kicks = False  # connections that stand are closed first, so that it shows soon

    def settings(self):
        return self.args.model_dump()

    def begin(self):
        self.rig.hooks.begin(self.hook, self.settings())
        if self.kicks:
            self.rig.hooks.kick()

    def end(self):
        self.rig.hooks.end(self.hook)

    def evidence(self):
        count = self.rig.hooks.count(self.counter)
        return self.shown % count if count else None
