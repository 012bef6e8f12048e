"""What set-up tells the user: one line for each thing found or chosen, one line with the remedy when it cannot go on."""


class SetupError(Exception):
    """Something is missing or broken; the text says what, and what to do about it, in one line."""


def say(topic, text):
    print("%-12s %s" % (topic, text), flush=True)
