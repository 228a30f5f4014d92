"""Stored pixel values to and from the unit interval that the networks work in."""
