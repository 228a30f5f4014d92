"""Comparison with other codecs at equal real bytes."""
