"""Measures of how close a restored image is to its original."""
