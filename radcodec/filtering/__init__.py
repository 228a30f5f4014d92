"""The filter that a file may bring along for what networks decode: docs/format.md, section 8.9."""
