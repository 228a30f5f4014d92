"""Training of the networks.  The only part of radcodec that imports torch."""
