"""Tests of radcodec.entropy."""
