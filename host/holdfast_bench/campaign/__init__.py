"""Campaigns: one seed draws a configuration, a world and a schedule of trouble; the simulation carries it out, the laws judge it.

draw.py (seed -> scenario), trial.py (one seed, judged), store.py (results kept), pool.py (many at once), shrink.py, story.py.
"""
