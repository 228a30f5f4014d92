"""Tests of radcodec.container."""
