"""Bytes that were made or changed to do harm: each is decoded, or refused in plain words."""
