"""Decodes frames in a process of its own, for `radcodec.reading.isolated`, which starts it.

It is run as a script and imports nothing of the package.  A request is a line of JSON with the
options for pydicom and the length of the frame's bytes, which follow; so is an answer.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder

    while line := requests.readline():
        asked: dict[str, Any] = json.loads(line)
        data = requests.read(asked["length"])
        words = b""
        try:
            array, properties = get_decoder(asked["syntax"]).as_array(
                encapsulate([data], has_bot=False),
                index=0,
                raw=True,
                decoding_plugin=asked["plugin"],
                **asked["options"],
            )
            words = array.tobytes()
            answer: dict[str, Any] = {
                "dtype": array.dtype.str,
                "shape": array.shape,
                "photometric": str(properties["photometric_interpretation"]),
            }
        except Exception as error:  # noqa: BLE001 - told to the process that asked
            answer = {"error": " ".join(str(error).split())}
        answers.write(json.dumps({**answer, "length": len(words)}).encode() + b"\n" + words)
        answers.flush()


if __name__ == "__main__":
    # What libraries print must not get among the answers.
    with os.fdopen(os.dup(1), "wb") as private:
        os.dup2(2, 1)
        serve(sys.stdin.buffer, private)
