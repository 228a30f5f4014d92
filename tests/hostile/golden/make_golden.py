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
SIGNATURE = b"\x89RCZ\r\n\x1a\n\0\x08" + bytes(2)
SIDE = 8


def number(value: int) -> bytes:
    """Return a number, seven bits a byte."""
    low, rest = value & 127, value >> 7
    return bytes([128 | low]) + number(rest) if rest else bytes([low])


def chunk(kind: bytes, payload: bytes) -> bytes:
    """Return a chunk with the checksum that fits."""
    start = kind + number(len(payload)) + payload
    return start + struct.pack("<I", zlib.crc32(start))


def head(rows: int = SIDE, columns: int = SIDE, frames: int = 1, colour: int = 0) -> bytes:
    """Return the HEAD of an 8-bit grey image."""
    numbers = b"".join(map(number, (rows, columns, frames, 0)))
    return chunk(b"H", bytes((colour << 4, 7, 0x1A)) + numbers)


def plan(coding: int = 1, checksum: int | None = None, low: int = 100) -> bytes:
    """Return the PLAN of a plane whose values are all 100."""
    found = zlib.crc32(struct.pack("<i", 100) * SIDE * SIDE) if checksum is None else checksum
    depth, model = (2, bytes(range(4))) if coding == 0 else (0, b"")
    values = number(2 * low) + number(max(100 - low, 0))
    return chunk(b"P", bytes((coding, depth, 0)) + values + struct.pack("<I", found) + model)


#: A residual that leaves the middle of the range everywhere, in no bytes.
RESIDUAL = chunk(b"R", b"\1")
LATENT = chunk(b"L", b"\0\0")


def file(*chunks: bytes) -> bytes:
    """Return a file of chunks with a TAIL that fits."""
    data = SIGNATURE + b"".join(chunks)
    return data + chunk(b"T", struct.pack("<I", len(data) + 10))


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
        "truncated": good[:-20],
        "corrupt-crc": bytes(changed),
        "corrupt-length": good[:13] + b"\x7f" + good[14:],
        "length-form": good[:13] + bytes((128 | good[13], 0)) + good[14:],
        "unknown-version": good[:8] + b"\1\0" + good[10:],
        "unknown-flag": good[:11] + b"\1" + good[12:],
        "unknown-critical-chunk": file(head(), chunk(b"N", b""), plan(), RESIDUAL),
        "chunk-type": file(head(), chunk(b"1", b""), plan(), RESIDUAL),
        "head-missing": file(plan(), RESIDUAL),
        "head-twice": file(head(), head(), plan(), RESIDUAL),
        "head-length": file(chunk(b"H", bytes(2)), plan(), RESIDUAL),
        "head-colour": file(head(colour=7), plan(), RESIDUAL),
        "too-few-planes": file(head(frames=3), plan(), RESIDUAL),
        "too-many-planes": file(head(), plan(), RESIDUAL, plan(), RESIDUAL),
        "plane-out-of-range": file(head(), plan(low=300), RESIDUAL),
        "plane-of-nothing": file(head(), plan()),
        "plane-coding": file(head(), plan(coding=7), RESIDUAL),
        "chunk-of-no-plane": file(head(), RESIDUAL, plan(), RESIDUAL),
        "chunk-too-late": file(head(), plan(), RESIDUAL, chunk(b"M", bytes(1))),
        "chunk-twice": file(head(), plan(), RESIDUAL, RESIDUAL),
        "residual-step": file(head(), plan(), chunk(b"R", b"\0")),
        "residual-stream": file(head(), plan(), chunk(b"R", b"\1\0")),
        "residual-lengths": file(head(columns=2000), plan(), chunk(b"R", b"\1\x09")),
        "jpegls-stream": file(head(), plan(coding=2), chunk(b"J", b"\xff\xd8\xff\xd9")),
        "too-large": file(head(rows=2**21), plan(), RESIDUAL),
        "too-much-memory": file(head(rows=2**20, columns=64), plan(), RESIDUAL),
        "missing-model": file(head(), plan(coding=0), LATENT),
        "other-pixels": file(head(), plan(checksum=1), RESIDUAL),
        "dataset-too-large": file(
            head(), chunk(b"d", struct.pack("<2I", 2**31, 0)), plan(), RESIDUAL
        ),
        "quality-nan": file(
            head(), plan(), RESIDUAL, chunk(b"q", struct.pack("<fH8x", float("nan"), 0))
        ),
        "tail-length": good[:-10] + chunk(b"T", struct.pack("<I", 7)),
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
