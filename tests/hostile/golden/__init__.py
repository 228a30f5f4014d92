"""Broken files and what is said of them; made by `make_golden`, never changed by hand."""
