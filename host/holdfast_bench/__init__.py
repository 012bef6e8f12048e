"""Holdfast's bench: boards, faults, checks and reports around the firmware."""
