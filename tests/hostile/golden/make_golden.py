"""Make the golden error files: ``python -m tests.hostile.golden.make_golden``.

Run it when the format or a message changes on purpose, and look at what git says has changed.
The bytes are put together here, apart from the package's writer.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

from radcodec.codec import Decoder
from radcodec.container.limits import Limits
from radcodec.errors import RadcodecError
from radcodec.network.store import ModelStore

FOLDER = Path(__file__).parent
RECORD = FOLDER / "errors.json"
SIGNATURE = b"\x89RCZ\r\n\x1a\n\0\5" + bytes(4)
SIDE = 8


def chunk(kind: bytes, payload: bytes) -> bytes:
    """Return a chunk with the checksum that fits."""
    start = kind + struct.pack("<I", len(payload)) + payload
    return start + struct.pack("<I", zlib.crc32(start))


def head(rows: int = SIDE, columns: int = SIDE, frames: int = 1, colour: int = 0) -> bytes:
    """Return the HEAD of an 8-bit grey image."""
    fields = (0, 1, 8, 8, 0, colour, 0, 1, 10, 0, 0, rows, columns, frames, 2**32 - 1)
    return chunk(b"HEAD", struct.pack("<10BH4I", *fields))


def plan(coding: int = 1, checksum: int | None = None, low: int = 100) -> bytes:
    """Return the PLAN of a plane whose values are all 100."""
    found = zlib.crc32(struct.pack("<i", 100) * SIDE * SIDE) if checksum is None else checksum
    depth, model = (2, bytes(range(16))) if coding == 0 else (0, b"")
    return chunk(b"PLAN", struct.pack("<4B2iI", coding, depth, 0, 0, low, 100, found) + model)


#: A residual that leaves the middle of the range everywhere, in no bytes.
RESIDUAL = chunk(b"RESD", struct.pack("<2I", 1, 0))
LATENT = chunk(b"LATN", struct.pack("<2I", 1, 2) + b"\0\0")


def file(*chunks: bytes) -> bytes:
    """Return a file of chunks with a TAIL that fits."""
    data = SIGNATURE + b"".join(chunks)
    return data + chunk(b"TAIL", struct.pack("<Q", len(data) + 20))


def files() -> dict[str, bytes]:
    """Return the broken files by name, and "good", which is not broken."""
    good = file(head(), plan(), RESIDUAL)
    changed = bytearray(good)
    changed[30] ^= 1
    return {
        "good": good,
        "empty": b"",
        "other-format": b"\x89PNG\r\n\x1a\n" + bytes(30),
        "text-mode": good.replace(b"\r\n", b"\n"),
        "truncated": good[:-30],
        "corrupt-crc": bytes(changed),
        "corrupt-length": good[:18] + b"\xff" + good[19:],
        "unknown-version": good[:8] + b"\1\0" + good[10:],
        "unknown-flag": good[:12] + b"\1" + good[13:],
        "unknown-critical-chunk": file(head(), chunk(b"NEWS", b""), plan(), RESIDUAL),
        "chunk-type": file(head(), chunk(b"ab 1", b""), plan(), RESIDUAL),
        "head-missing": file(plan(), RESIDUAL),
        "head-twice": file(head(), head(), plan(), RESIDUAL),
        "head-length": file(chunk(b"HEAD", b"\0" * 27), plan(), RESIDUAL),
        "head-colour": file(head(colour=9), plan(), RESIDUAL),
        "too-few-planes": file(head(frames=3), plan(), RESIDUAL),
        "too-many-planes": file(head(), plan(), RESIDUAL, plan(), RESIDUAL),
        "plane-out-of-range": file(head(), plan(low=101), RESIDUAL),
        "plane-of-nothing": file(head(), plan()),
        "plane-coding": file(head(), plan(coding=7), RESIDUAL),
        "chunk-of-no-plane": file(head(), RESIDUAL, plan(), RESIDUAL),
        "chunk-too-late": file(head(), plan(), RESIDUAL, chunk(b"MASK", bytes(4))),
        "chunk-twice": file(head(), plan(), RESIDUAL, RESIDUAL),
        "residual-step": file(head(), plan(), chunk(b"RESD", struct.pack("<2I", 0, 0))),
        "residual-lengths": file(head(), plan(), chunk(b"RESD", struct.pack("<2I", 1, 9))),
        "residual-stream": file(head(), plan(), chunk(b"RESD", struct.pack("<2IB", 1, 1, 0))),
        "jpegls-stream": file(head(), plan(coding=2), chunk(b"JPLS", b"\xff\xd8\xff\xd9")),
        "too-large": file(head(rows=2**21), plan(), RESIDUAL),
        "too-much-memory": file(head(rows=2**20, columns=64), plan(), RESIDUAL),
        "missing-model": file(head(), plan(coding=0), LATENT),
        "other-pixels": file(head(), plan(checksum=1), RESIDUAL),
        "dataset-too-large": file(
            head(), chunk(b"dset", struct.pack("<2I", 2**31, 0)), plan(), RESIDUAL
        ),
        "quality-nan": file(
            head(), plan(), RESIDUAL, chunk(b"qual", struct.pack("<fI32x", float("nan"), 0))
        ),
        "tail-length": good[:-20] + chunk(b"TAIL", struct.pack("<Q", 7)),
        "bytes-behind": good + b"!",
    }


def error_of(data: bytes) -> RadcodecError | None:
    """What is wrong with a file; None where nothing is."""
    try:
        decoder = Decoder(io.BytesIO(data), limits=Limits())
        for _ in decoder.frames():
            pass
        assert decoder.reader.dataset is None
    except RadcodecError as error:
        return error
    return None


def main() -> None:
    """Write the files, and what is said of each."""
    record: dict[str, dict[str, str | int]] = {}
    for name, data in files().items():
        (FOLDER / f"{name}.rcz").write_bytes(data)
        error = error_of(data)
        if error is not None:
            record[name] = {
                "error": type(error).__name__,
                "exit": error.exit_code,
                # The folder of the models differs from one machine to the next.
                "message": str(error).replace(str(ModelStore().root), "MODELS"),
            }
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
