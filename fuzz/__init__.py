"""Fuzzing with atheris; see `run`."""
