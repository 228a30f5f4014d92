"""A second decoder for .rcz files, slow and plain, after docs/format.md.

It shares no code with the package.  ``decode(rcz_bytes, bundle_dir)`` is the way in.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

Array = Any  # NumPy arrays; the document says of what
KNOWN = ("HEAD", "MASK", "PIXL", "LATN", "REFN", "dset", "qual", "TAIL")
HEAD = "modality,depth,samples,allocated,bits,flags,coder,level,tile_log2,source,"
HEAD += "rows,columns,frames,low,high,model"


class Refused(Exception):
    """The file breaks a rule of the format."""


def need(holds: bool, rule: str) -> None:
    """Refuse the file unless a rule holds."""
    if not holds:
        raise Refused(rule)


def chunks_of(data: bytes) -> dict[str, bytes]:
    """Return the payloads of the chunks by type."""
    need(data[:8] == b"\x89RCZ\r\n\x1a\n", "magic")
    major, minor, _, flags = struct.unpack_from("<BBHH", data, 8)
    need((major, minor, flags) == (0, 3, 0), "version and flags")
    chunks: dict[str, bytes] = {}
    at = 14
    while "TAIL" not in chunks:
        need(at + 12 <= len(data), "the file ends early")
        kind = data[at : at + 4].decode("ascii")
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        need(end + 4 <= len(data), "the file ends early")
        need(struct.unpack_from("<I", data, end)[0] == zlib.crc32(data[at:end]), "CRC")
        need(kind not in chunks or kind not in KNOWN, "a chunk twice")
        need(kind in KNOWN or kind[0].islower(), "critical chunk")
        need(bool(chunks) or kind == "HEAD", "HEAD is first")
        need(kind not in ("MASK", "PIXL") or "LATN" not in chunks, "MASK, PIXL before LATN")
        need(kind != "REFN" or "LATN" in chunks, "REFN after LATN")
        chunks[kind] = data[at + 8 : end]
        at = end + 4
    need(at == len(data) == struct.unpack("<Q", chunks["TAIL"])[0], "length in TAIL")
    need("LATN" in chunks, "LATN")
    return chunks


def head_of(payload: bytes) -> dict[str, Any]:
    """Return the fields of HEAD by name."""
    need(len(payload) == 62, "length of HEAD")
    head = dict(zip(HEAD.split(","), struct.unpack("<10B3I2i32s", payload), strict=True))
    need(1 <= head["depth"] <= 4 and head["coder"] == 1, "depth, entropy coder")
    need(head["samples"] == head["frames"] == 1, "samples, frames")
    need(head["flags"] <= 3 and 6 <= head["tile_log2"] <= 15, "pixel flags, tile side")
    need(0 < head["rows"] <= 2**20 and 0 < head["columns"] <= 2**20, "sides")
    need(head["rows"] * head["columns"] <= 2**28 and head["low"] <= head["high"], "pixels, map")
    return head


class RangeDecoder:
    """Adaptive binary decisions, as in LZMA but with an adaptation of 1/16 or 1/32."""

    def __init__(self, data: bytes, adaptation: int) -> None:
        need(not data.endswith(b"\0"), "decisions end in zero")
        need(not data.startswith(b"\xff" * 4), "decisions start as none can")
        self.data, self.adaptation, self.at, self.range = data, adaptation, 4, 2**32 - 1
        self.code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")

    def bit(self, probabilities: list[int], context: int) -> int:
        """Decode one decision; probabilities are of 0, in 1/2048."""
        p = probabilities[context]
        bound = (self.range >> 11) * p
        one = self.code >= bound
        self.code -= bound if one else 0
        self.range = self.range - bound if one else bound
        probabilities[context] += -(p >> self.adaptation) if one else (2048 - p) >> self.adaptation
        while self.range < 2**24:
            self.code = self.code << 8 | int.from_bytes(self.data[self.at : self.at + 1], "big")
            self.range, self.at = self.range << 8, self.at + 1
        return int(one)


def decode_mask(data: bytes, rows: int, columns: int) -> Array:
    """Return the background: block states first, then the pixels of mixed blocks."""
    coder = RangeDecoder(data, 4)
    mixed_p, set_p, pixel_p = [1024] * 27, [1024] * 27, [1024] * 1024
    down, across = -(-rows // 16), -(-columns // 16)
    # Borders of zeros above and at the sides stand for what is missing.
    states = np.zeros((down + 1, across + 2), dtype=int)
    mask = np.zeros((rows + 2, columns + 4), dtype=int)
    for y, x in np.ndindex(down, across):
        context = states[y + 1, x] + 3 * states[y, x + 1] + 9 * states[y, x + 2]
        if coder.bit(mixed_p, context):
            states[y + 1, x + 1] = 2
        elif coder.bit(set_p, context):
            states[y + 1, x + 1] = 1
            bottom, right = min(16 * y + 16, rows), min(16 * x + 16, columns)
            mask[16 * y + 2 : bottom + 2, 16 * x + 2 : right + 2] = 1
    for y, x in np.ndindex(rows, columns):
        if states[y // 16 + 1, x // 16 + 1] == 2:
            known = [*mask[y, x + 1 : x + 4], *mask[y + 1, x : x + 5], *mask[y + 2, x : x + 2]]
            mask[y + 2, x + 2] = coder.bit(pixel_p, int("".join(map(str, known)), 2))
    need(len(data) <= coder.at, "bytes behind the mask")
    return mask[2:, 2:-2] == 1


def decode_flags(data: bytes, mask: Array) -> Array:
    """Return the coded pixels: those of flagged blocks that are not background."""
    coder, chances = RangeDecoder(data, 4), [1024] * 8
    down, across = -(-mask.shape[0] // 8), -(-mask.shape[1] // 8)
    flags = np.zeros((down + 1, across + 2), dtype=int)
    coded = np.zeros(mask.shape, dtype=bool)
    for y, x in np.ndindex(down, across):
        block = np.s_[8 * y : 8 * y + 8, 8 * x : 8 * x + 8]
        if not mask[block].all():
            context = flags[y + 1, x] + 2 * flags[y, x + 1] + 4 * flags[y, x + 2]
            coded[block] = flags[y + 1, x + 1] = coder.bit(chances, context)
    need(len(data) <= coder.at * (not mask.all()), "bytes behind the flags")
    return coded & ~mask


def decode_values(data: bytes, stored: Array, mask: Array, coded: Array, fields: Any) -> None:
    """Put the values of a tile's coded pixels into `stored`, which holds the background's."""
    low, high, step = fields
    coder, last = RangeDecoder(data, 4), (low + high) >> 1
    error_p, sign_p, log_p, bits_p = [1024] * 40, [1024] * 9, [1024] * 144, [1024] * 306
    known = {(y, x): int(stored[y, x]) for y, x in np.argwhere(mask).tolist()}
    errors: dict[tuple[int, int], int] = {}
    for y, x in np.argwhere(coded).tolist():
        w, n, c, e = (known.get((y - v, x - u)) for v, u in ((0, 1), (1, 0), (1, 1), (1, -1)))
        p, a = last if w is None else w, 0
        if n is not None:
            p, a = (n, 0) if w is None else ((w + n) >> 1, abs(n - w))
            if w is not None and c is not None:
                p, a = sorted((w, n, w + n - c))[1], abs(n - c) + abs(w - c)
            a += 0 if e is None else abs(e - n)
        g = min((a // step).bit_length(), 7)
        i, j = errors.get((y, x - 1), 0), errors.get((y - 1, x), 0)
        if coder.bit(error_p, 5 * g + min(abs(i), 2) + min(abs(j), 2)):
            negative = coder.bit(sign_p, 3 * (i > 0) + 6 * (i < 0) + (j > 0) + 2 * (j < 0))
            k, m = 0, 1
            while k < 17 and coder.bit(log_p, 18 * g + k):
                k += 1
            for t in reversed(range(k)):
                m = 2 * m + coder.bit(bits_p, 17 * k + t)
            errors[y, x] = -m if negative else m
        last = min(max(p + errors.get((y, x), 0) * step, low), high)
        known[y, x] = stored[y, x] = last
    need(len(data) <= coder.at * coded.any(), "bytes behind the values")


def skip_map(covered: Array, block: int) -> Array:
    """Return the latent positions that are not coded (section 7, step 2)."""
    down, across = -(-covered.shape[0] // block), -(-covered.shape[1] // block)
    whole = np.ones((down + 2, across + 2), dtype=bool)
    for y, x in np.ndindex(down, across):
        part = covered[y * block : (y + 1) * block, x * block : (x + 1) * block]
        whole[y + 1, x + 1] = part.all()
    return np.all([whole[v : v + down, u : u + across] for v, u in np.ndindex(3, 3)], axis=0)


class Bits:
    """Bits of a stream, most significant first."""

    def __init__(self, data: bytes) -> None:
        self.text, self.at = "".join(f"{byte:08b}" for byte in data), 0

    def take(self, count: int) -> str:
        """Return the next bits as digits."""
        self.at += count
        need(self.at <= len(self.text), "the tile ends early")
        return self.text[self.at - count : self.at]

    def symbol(self, codes: dict[str, int]) -> int:
        """Return the symbol whose code comes next."""
        code = self.take(1)
        while code not in codes:
            code += self.take(1)
        return codes[code]

    def number(self, category: int) -> int:
        """Return a signed number of a magnitude category."""
        size, extra = category, 24 if category == 19 else (category - 3) // 2
        if category > 4:
            base = 2 ** (extra + 1) + 1 + (category - 3) % 2 * 2**extra
            size = (513 if category == 19 else base) + int(self.take(extra), 2)
        return -size if size > 0 and self.take(1) == "1" else size


def canonical(lengths: list[int]) -> dict[str, int]:
    """Return the canonical code of RFC 1951, 3.2.2: symbol by digits of its code."""
    codes, code, last = {}, 0, 0
    for length, symbol in sorted((n, s) for s, n in enumerate(lengths)):
        code <<= length - last
        codes[f"{code:0{length}b}"] = symbol
        code, last = code + 1, length
    return codes


def predict(plane: Array, y: int, x: int) -> int:
    """Predict channel 0: the median of left, up, and left + up - corner."""
    if y == 0 or x == 0:
        return int(plane[y, x - 1] if x else plane[y - 1, x] if y else 0)
    left, up, corner = int(plane[y, x - 1]), int(plane[y - 1, x]), int(plane[y - 1, x - 1])
    return sorted((left, up, left + up - corner))[1]


def decode_tile(data: bytes, skip: Array, tables: dict[str, Any]) -> Array:
    """Return the quantised latent (channels, h, w) of one tile."""
    need(len(data) > 0 and data[0] < len(tables["order"]), "table set")
    order = tables["order"][data[0]].tolist()
    thresholds, lengths = tables["thresholds"][data[0]], tables["lengths"][data[0]]
    channels = len(order)
    cuts = np.cumsum([40] + [(channels - k) * 19 + 1 for k in range(1, channels)])[:-1]
    codes = [[canonical(part.tolist()) for part in np.split(row, cuts)] for row in lengths]
    size = end = 1
    if not skip.all():
        size += next((i for i, byte in enumerate(data[1:5], 1) if byte < 128), 0)
        need(size == 2 or (size > 2 and data[size - 1] > 0), "length of the decisions")
        end = size + sum((byte & 127) << 7 * i for i, byte in enumerate(data[1:size]))
        need(end <= len(data), "the tile ends early")
    coder, bits = RangeDecoder(data[size:end], 5), Bits(data[end:])
    empty_p, single_p = tables["decisions"][data[0]].tolist()
    q = np.zeros((channels, *skip.shape), dtype=np.int64)
    sums = np.zeros((skip.shape[0] + 1, skip.shape[1] + 2), dtype=np.int64)
    for y, x in np.ndindex(skip.shape):
        q[0, y, x] = predict(q[0], y, x) if tables["predicted"][data[0]] else 0
        if skip[y, x]:
            continue
        activity = 2 * sums[y + 1, x] + 2 * sums[y, x + 1] + sums[y, x] + sums[y, x + 2]
        group = int((thresholds <= activity).sum())
        around = q[0, y - 1 : y + 1, x - 1 : x + 1].ravel()[:3] if y and x else [0]
        context = 2 * group + int(len({*map(int, around)}) > 1)
        if not coder.bit(empty_p, context):
            continue
        token, table = 3, codes[group]
        if coder.bit(single_p, context):
            token = bits.symbol(table[0])
            need(token not in (1, 3), "a symbol that decisions rule out")
        values = [bits.number(token // 2)]
        q[0, y, x] += values[0]
        k = 1 if token % 2 == 0 else channels
        while k < channels and (token := bits.symbol(table[k])) < (channels - k) * 19:
            k += token // 19
            values.append(bits.number(token % 19 + 1))
            q[order[k], y, x] = values[-1]
            k += 1
        need(k > 1 or channels == 1, "end of block at once")
        sums[y + 1, x + 1] = sum(min(abs(v), 15) for v in values)
        need(int(np.abs(q[:, y, x]).max()) <= 2**23, "size of a latent")
    rest = bits.text[bits.at :]
    need(len(rest) < 8 and "1" not in rest and end - size <= coder.at, "bytes behind the tile")
    return q


def tiles_of(payload: bytes, shape: tuple[int, ...], side: int) -> list[tuple[Any, bytes]]:
    """Return the index of each tile into an array, and its stream; lengths come first."""
    corners = [(y, x) for y in range(0, shape[0], side) for x in range(0, shape[1], side)]
    need(len(payload) >= 4 * len(corners), "index of tiles")
    lengths = struct.unpack_from(f"<{len(corners)}I", payload)
    ends = list(itertools.accumulate(lengths, initial=4 * len(corners)))
    need(ends[-1] == len(payload), "lengths of tiles")
    parts = [np.s_[..., y : y + side, x : x + side] for y, x in corners]
    streams = [payload[begin:end] for begin, end in itertools.pairwise(ends)]
    return list(zip(parts, streams, strict=True))


def shifted(values: Array, shift: Array) -> Array:
    """Divide by 2**shift and round, halves up."""
    return (values + np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)) >> shift


def convolve(image: Array, weight: Array, bias: Array) -> Array:
    """Correlate with 3 x 3 kernels; float64 is exact, as all sums are far below 2**53."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1))).astype(np.float64)
    rows, columns = image.shape[1:]
    total = np.zeros((len(weight), rows, columns))
    for v, u in np.ndindex(3, 3):
        window = padded[:, v : v + rows, u : u + columns]
        total += np.einsum("oi,iyx->oyx", weight[:, :, v, u].astype(float), window, optimize=True)
    return total.astype(np.int64) + bias[:, None, None]


def network(z: Array, depth: int, weights: dict[str, Any]) -> Array:
    """Return the fixed-point image (rows, columns) of a dequantised latent."""
    for i in range(depth + 2):
        z = convolve(z, weights[f"conv{i}_weight"], weights[f"conv{i}_bias"].astype(np.int64))
        if i <= depth:
            shift = weights[f"conv{i}_shift"].astype(np.int64)
            most = np.asarray(weights[f"conv{i}_max"], dtype=np.int64).reshape(-1, 1, 1)
            z = np.clip(shifted(z, shift[:, None, None]), 0, most)
        if i > 0:
            k, rows, columns = z.shape  # PixelShuffle(2)
            split = z.reshape(k // 4, 2, 2, rows, columns).transpose(0, 3, 1, 4, 2)
            z = split.reshape(k // 4, 2 * rows, 2 * columns)
    return z[0]


def layer(payload: bytes, layer_head: Any, covered: Array, folder: Path) -> tuple[Any, int]:
    """Return the fixed-point image of one layer, and its binary places."""
    depth, level = layer_head["depth"], layer_head["level"]
    manifest = json.loads(text := (folder / "manifest.json").read_bytes())
    need(hashlib.sha256(text).digest() == layer_head["model"], "model id")
    need(manifest["depth"] == depth, "depth of the bundle")
    arrays = {}
    for name in ("gains.npz", "tables.npz", "weights.npz"):
        content = (folder / name).read_bytes()
        need(hashlib.sha256(content).hexdigest() == manifest["files"][name], name)
        with np.load(io.BytesIO(content)) as archive:
            arrays[name] = dict(archive)
    block = 2 ** (depth + 1)
    skip = skip_map(covered, block)
    tiles = tiles_of(payload[4:], skip.shape, 2 ** layer_head["tile_log2"] // block)
    need(payload[:4] == struct.pack("<I", len(tiles)), "number of tiles")
    gains, tables = arrays["gains.npz"], arrays["tables.npz"]
    q = np.zeros((tables["order"].shape[1], *skip.shape), dtype=np.int64)
    for part, stream in tiles:
        q[part] = decode_tile(stream, skip[part], tables)
    limit = gains["limits"].astype(np.int64)[:, None, None]
    z = q * gains["gains"][level].astype(np.int64)[:, None, None]
    z = np.clip(shifted(z, gains["shift"].astype(np.int64)), -limit, limit)
    f = network(z, depth, arrays["weights.npz"])[: covered.shape[0], : covered.shape[1]]
    return f, manifest["fraction_bits"]


def decode(rcz_bytes: bytes, bundle: str | Path, refining: str | Path | None = None) -> Array:
    """Return the stored values of a file, given the folders of the bundles that it names."""
    chunks = chunks_of(rcz_bytes)
    head = head_of(chunks["HEAD"])
    shape, background = (head["rows"], head["columns"]), chunks.get("MASK")
    mask = coded = np.zeros(shape, dtype=bool)
    if background is not None:
        mask = decode_mask(background[4:], *shape)
    pixels = chunks.get("PIXL")
    if pixels is not None:
        need(len(pixels) >= 6 and pixels[:2] != b"\0\0", "fields of PIXL")
        step, size = struct.unpack_from("<HI", pixels)
        coded = decode_flags(pixels[6 : 6 + size], mask)
    f, bits = layer(chunks["LATN"], head, mask | coded, Path(bundle))
    f = np.clip(f, 0, 2**bits)
    if refining is not None:
        more = chunks["REFN"]
        depth, level, reserved, model = struct.unpack_from("<2BH32s", more)
        need(1 <= depth < head["depth"] and reserved == 0, "fields of REFN")
        fields = {**head, "depth": depth, "level": level, "model": model}
        change, other = layer(more[36:], fields, mask | coded, Path(refining))
        most = max(bits, other)
        f = (f << (most - bits)) + (change << (most - other)) - 2 ** (most - 1)
        bits = most
    need((refining is None) == ("REFN" not in chunks), "a bundle for each layer")
    low, high = head["low"], head["high"]
    scaled = (np.clip(f, 0, 2**bits) * max(high - low, 1) + 2 ** (bits - 1)) >> bits
    stored = np.clip(high - scaled if head["flags"] & 2 else low + scaled, low, high)
    if background is not None:
        stored[mask] = struct.unpack_from("<i", background)[0]
    if pixels is not None:
        for part, stream in tiles_of(pixels[6 + size :], shape, 2 ** head["tile_log2"]):
            decode_values(stream, stored[part], mask[part], coded[part], (low, high, step))
    if "qual" in chunks:
        digest = hashlib.sha256(stored.astype("<i4").tobytes()).digest()
        need(digest == chunks["qual"][8:40], "SHA-256 of the stored values")
    return stored.astype(np.int32)
