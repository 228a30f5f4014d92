"""Measurements and checks over files that are not part of the package."""
