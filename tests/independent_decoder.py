"""A second decoder for .rcz files, slow and plain, after docs/format.md.

It shares no code with the package.  ``decode(rcz_bytes, bundle_folders)`` is the way in.  Here are
sections 3 to 7 of the document; section 8 is in ``independent_entropy.py``, but for 8.8, which is
in ``independent_mixing.py``, and 8.9, in ``independent_filter.py``.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from tests import independent_filter
from tests.independent_entropy import (
    Array,
    Refused,
    decode_flags,
    decode_mask,
    decode_residual,
    decode_values,
    need,
)
from tests.independent_mixing import decode_latent

# Section 3: letters of the types; chunks of the file as a whole and those of planes.
NAMES = {"H": "HEAD", "P": "PLAN", "M": "MASK", "B": "PIXL", "L": "LATN", "F": "REFN", "R": "RESD"}
NAMES |= {"W": "FILT", "J": "JPLS", "U": "UNUS", "d": "dset", "q": "qual", "T": "TAIL"}
WHOLE = ("HEAD", "dset", "qual", "TAIL")
OF_PLANES = ("PLAN", "MASK", "PIXL", "LATN", "REFN", "FILT", "RESD", "JPLS", "UNUS")
#: Chunks that must not come before those of a type in their plane.
LATE = {"MASK": {"LATN", "RESD"}, "PIXL": {"LATN", "RESD"}, "LATN": {"RESD"}, "FILT": {"RESD"}}
LATE |= {"REFN": {"FILT", "RESD"}}
# Section 4: what a plane of each coding must have, and what else it may have.
NEEDED = ("LATN", "RESD", "JPLS")
ALLOWED = ({"MASK", "PIXL", "REFN", "FILT", "RESD", "UNUS"}, {"MASK", "UNUS"}, {"UNUS"})
#: Fields of the first three bytes of HEAD, lowest bits first, and how many bits each takes.
PACKED = {"modality": 4, "colour": 3, "transform": 1, "bits": 4, "allocated": 1, "signed": 1}
PACKED |= {"inverted": 1, "source": 1, "tile_log2": 4, "coder": 4}
DICTIONARY = Path(__file__).parents[1] / "radcodec" / "container" / "dataset-1.dict"
DICTIONARY_HASH = "2cfdacc5eceecd4735d3cabd01d3ad421e56771f098965e984a4603481652f9e"


# Section 2: numbers.
def number(data: bytes, at: int) -> tuple[int, int]:
    """Return a vu, and where the next field is."""
    value = 0
    for n in range(5):
        need(at + n < len(data), "a number ends early")
        value |= (data[at + n] & 127) << (7 * n)
        if data[at + n] < 128:
            need(value < 2**32 and (n == 0 or data[at + n] > 0), "form of a number")
            return value, at + n + 1
    raise Refused("length of a number")


def signed_number(data: bytes, at: int) -> tuple[int, int]:
    """Return a vi, and where the next field is."""
    value, at = number(data, at)
    return (-(value + 1) // 2 if value % 2 else value // 2), at


def chunks_of(data: bytes) -> tuple[dict[str, bytes], list[dict[str, bytes]]]:
    """Return the payloads of the chunks by type, of the file as a whole and of each plane."""
    need(len(data) >= 12 and data[:8] == b"\x89RCZ\r\n\x1a\n", "magic")
    major, minor, _, flags = struct.unpack_from("<BBBB", data, 8)
    need((major, minor, flags) == (0, 8, 0), "version and flags")
    whole: dict[str, bytes] = {}
    planes: list[dict[str, bytes]] = []
    here: dict[str, bytes] = {}
    at = 12
    while "TAIL" not in whole:
        need(at + 6 <= len(data), "the file ends early")
        length, begin = number(data, at + 1)
        end = begin + length
        need(end + 4 <= len(data), "the file ends early")
        need(struct.unpack_from("<I", data, end)[0] == zlib.crc32(data[at:end]), "CRC")
        letter = chr(data[at])
        need(letter.isascii() and letter.isalpha(), "type of a chunk")
        kind = NAMES.get(letter, letter)
        need(bool(whole) or kind == "HEAD", "HEAD is first")
        payload = data[begin:end]
        if kind in WHOLE:
            need(kind not in whole, "a chunk twice")
            whole[kind], here = payload, {}
        elif kind == "PLAN":
            here = {kind: payload}
            planes.append(here)
        elif kind in OF_PLANES:
            need("PLAN" in here and kind not in here, "a chunk of no plane, or a second one")
            need(not LATE.get(kind, set()) & set(here), "a chunk behind what needs it")
            need(kind not in ("REFN", "FILT") or "LATN" in here, f"{kind} after LATN")
            here[kind] = payload
        else:
            need(kind[0].islower(), "critical chunk")
        at = end + 4
    need(len(whole["TAIL"]) == 4, "length of TAIL")
    need(at == len(data), "length in TAIL")
    need(at % 2**32 == struct.unpack("<I", whole["TAIL"])[0], "length in TAIL")
    return whole, planes


# Section 4: chunks.
def head_of(payload: bytes) -> dict[str, int]:
    """Return the fields of HEAD by name."""
    need(len(payload) >= 3, "length of HEAD")
    head, word = {}, int.from_bytes(payload[:3], "little")
    for name, width in PACKED.items():
        head[name], word = word % 2**width, word >> width
    at = 3
    for name in ("rows", "columns", "frames", "bound"):
        head[name], at = number(payload, at)
    need(at == len(payload), "length of HEAD")
    head["bits"], head["allocated"] = head["bits"] + 1, 16 if head["allocated"] else 8
    bits, colour, bound = (head[k] for k in ("bits", "colour", "bound"))
    need(head["modality"] <= 4 and colour <= 3, "modality, colour")
    head["samples"] = 3 if colour >= 2 else 1
    need(head["coder"] == 1, "entropy coder")
    need(bits <= head["allocated"], "bits")
    need(colour == 0 or not head["inverted"], "inverted colour")
    need(6 <= head["tile_log2"] <= 15, "tile side")
    fitting = colour == 2 and not head["signed"] and bits <= 15
    need(head["transform"] == 0 or fitting, "colour transform")
    need(0 < head["rows"] <= 2**20 and 0 < head["columns"] <= 2**20, "sides")
    need(head["rows"] * head["columns"] <= 2**28 and head["frames"] >= 1, "pixels, frames")
    need(bound <= 2**bits, "maximum error")
    return head


def range_of(head: dict[str, int], sample: int) -> tuple[int, int, int]:
    """Return bits, least and largest value of the plane of a sample."""
    bits = head["bits"]
    if head["transform"] and sample:
        return bits + 1, -(2**bits), 2**bits - 1
    if head["signed"]:
        return bits, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return bits, 0, 2**bits - 1


def plan_of(chunks: dict[str, bytes], least: int, most: int) -> dict[str, Any]:
    """Return the fields of PLAN by name, and see that its coding goes with the other chunks."""
    payload = chunks["PLAN"]
    need(len(payload) >= 3, "length of PLAN")
    plan: dict[str, Any] = dict(zip(("coding", "depth", "level"), payload[:3], strict=True))
    coding = plan["coding"]
    need(coding <= 2, "coding")
    plan["low"], at = signed_number(payload, 3)
    span, at = number(payload, at)
    plan["high"] = plan["low"] + span
    need(len(payload) == at + (4 if coding else 8), "length of PLAN")
    (plan["crc"],), plan["model"] = struct.unpack_from("<I", payload, at), payload[at + 4 :]
    need(1 <= plan["depth"] <= 4 if coding == 0 else plan["depth"] == plan["level"] == 0, "depth")
    need(least <= plan["low"] <= plan["high"] <= most, "map")
    need(NEEDED[coding] in chunks, "a chunk is missing")
    need(set(chunks) <= {"PLAN", NEEDED[coding], *ALLOWED[coding]}, "a chunk of another coding")
    return plan


def check_dataset(payload: bytes) -> None:
    """Inflate dset, which a decoder of the image does not need."""
    dictionary = DICTIONARY.read_bytes()
    assert hashlib.sha256(dictionary).hexdigest() == DICTIONARY_HASH
    need(len(payload) >= 8, "length of dset")
    length, crc = struct.unpack_from("<2I", payload)
    need(length <= 2**26, "length of the data set")
    inflater = zlib.decompressobj(-15, zdict=dictionary)
    try:
        dataset = inflater.decompress(payload[8:], length + 1)
    except zlib.error as error:
        raise Refused("data set") from error
    need(inflater.eof and not inflater.unused_data and len(dataset) == length, "data set")
    need(zlib.crc32(dataset) == crc, "CRC of the data set")


def unused_bits(payload: bytes, head: dict[str, int]) -> Array:
    """Return the bits of UNUS, by which words differ from zero or sign extension."""
    word = np.zeros((head["rows"], head["columns"]), dtype=np.uint16)
    at, last = 0, head["bits"] - 1
    while at < len(payload):
        bit = payload[at]
        length, at = number(payload, at + 1)
        need(head["samples"] == 1, "UNUS")
        need(last < bit < head["allocated"] and len(payload) >= at + length, "fields of UNUS")
        mask = decode_mask(payload[at : at + length], *word.shape)
        word |= mask.astype(np.uint16) << bit
        at, last = at + length, bit
    return word


def decode_jpegls(stream: bytes, shape: tuple[int, int], bits: int, least: int) -> Array:
    """Return the values of JPLS."""
    need(stream[:2] == b"\xff\xd8" and stream[-2:] == b"\xff\xd9", "begin and end of JPLS")
    at = 2
    while stream[at : at + 2] != b"\xff\xf7":
        need(len(stream) >= at + 4, "segments of JPLS")
        marker, length = struct.unpack_from(">2H", stream, at)
        need((0xFFE0 <= marker <= 0xFFF8 or marker == 0xFFFE) and length >= 2, "segments of JPLS")
        need(not 0xFFF0 <= marker <= 0xFFF7, "segments of JPLS")
        at += 2 + length
    need(len(stream) >= at + 10, "frame header of JPLS")
    header = struct.unpack_from(">BHHB", stream, at + 4)
    need(header == (max(bits, 2), *shape, 1), "frame header of JPLS")
    try:
        samples = imagecodecs.jpegls_decode(stream).astype(np.int64)
    except imagecodecs.JpeglsError as error:
        raise Refused("JPLS") from error
    need(int(samples.max()) < 2**bits, "values of JPLS")
    return samples - (2 ** (bits - 1) if least < 0 else 0)


def tiles_of(payload: bytes, shape: tuple[int, ...], side: int) -> list[tuple[Any, bytes]]:
    """Return the index of each tile into an array, and its stream; lengths come first."""
    corners = [(y, x) for y in range(0, shape[0], side) for x in range(0, shape[1], side)]
    lengths, at = [], 0
    for _ in corners[1:]:
        length, at = number(payload, at)
        lengths.append(length)
    ends = [*itertools.accumulate(lengths, initial=at), len(payload)]
    need(ends[-2] <= ends[-1], "lengths of tiles")
    parts = [np.s_[..., y : y + side, x : x + side] for y, x in corners]
    streams = [payload[begin:end] for begin, end in itertools.pairwise(ends)]
    return list(zip(parts, streams, strict=True))


# Section 6: bundles.
def bundle_of(model: bytes, depth: int, bundles: Iterable[Path]) -> tuple[dict[str, Any], int]:
    """Return the arrays of the bundle with an id by file, and its binary places."""
    for folder in bundles:
        text = (folder / "manifest.json").read_bytes()
        if hashlib.sha256(text).digest()[:4] == model:
            manifest = json.loads(text)
            need(manifest["depth"] == depth, "depth of the bundle")
            arrays: dict[str, Any] = {}
            for name in ("gains", "tables", "weights", "experience"):
                if name == "experience" and "experience.npz" not in manifest["files"]:
                    continue
                content = (folder / f"{name}.npz").read_bytes()
                digest = hashlib.sha256(content).hexdigest()
                need(digest == manifest["files"][f"{name}.npz"], f"SHA-256 of {name}.npz")
                archive = np.load(io.BytesIO(content))
                # Of experience a file needs little; an archive reads what it is asked for.
                arrays[name] = archive if name == "experience" else dict(archive)
            return arrays, manifest["fraction_bits"]
    raise Refused("there is no bundle of this id")


# Section 7: reconstruction.
def skip_map(covered: Array, block: int) -> Array:
    """Return the latent positions that are not coded (section 7, step 2)."""
    down, across = -(-covered.shape[0] // block), -(-covered.shape[1] // block)
    whole = np.ones((down + 2, across + 2), dtype=bool)
    for y, x in np.ndindex(down, across):
        part = covered[y * block : (y + 1) * block, x * block : (x + 1) * block]
        whole[y + 1, x + 1] = part.all()
    return np.all([whole[v : v + down, u : u + across] for v, u in np.ndindex(3, 3)], axis=0)


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
            least = np.asarray(weights.get(f"conv{i}_min", 0), dtype=np.int64).reshape(-1, 1, 1)
            z = np.clip(shifted(z, shift[:, None, None]), least, most)
        if i > 0:
            k, rows, columns = z.shape  # PixelShuffle(2)
            split = z.reshape(k // 4, 2, 2, rows, columns).transpose(0, 3, 1, 4, 2)
            z = split.reshape(k // 4, 2 * rows, 2 * columns)
    return z[0]


def layer(payload: bytes, plan: dict[str, Any], covered: Array, bundles: Any) -> tuple[Array, int]:
    """Return the fixed-point image of one layer, and its binary places."""
    arrays, places = bundle_of(plan["model"], plan["depth"], bundles)
    block = 2 ** (plan["depth"] + 1)
    skip = skip_map(covered, block)
    tiles = tiles_of(payload, skip.shape, 2 ** plan["tile_log2"] // block)
    need(all(stream for _, stream in tiles), "a tile is empty")
    gains, tables = arrays["gains"], arrays["tables"]
    q = np.zeros((tables["order"].shape[1], *skip.shape), dtype=np.int64)
    for part, stream in tiles:
        q[part] = decode_latent(stream, skip[part], tables, arrays.get("experience"))
    limit = gains["limits"].astype(np.int64)[:, None, None]
    z = q * gains["gains"][plan["level"]].astype(np.int64)[:, None, None]
    z = np.clip(shifted(z, gains["shift"].astype(np.int64)), -limit, limit)
    f = network(z, plan["depth"], arrays["weights"])
    return f[: covered.shape[0], : covered.shape[1]], places


def layers(chunks: dict[str, bytes], plan: dict[str, Any], covered: Array, bundles: Any) -> Array:
    """Return what the networks make of a plane, mapped to stored values (steps 2 to 6)."""
    f, places = layer(chunks["LATN"], plan, covered, bundles)
    f, g = np.clip(f, 0, 2**places), None
    if "REFN" in chunks:
        payload = chunks["REFN"]
        need(len(payload) >= 6, "length of REFN")
        depth, level = payload[:2]
        need(1 <= depth < plan["depth"], "fields of REFN")
        other = {**plan, "depth": depth, "level": level, "model": payload[2:6]}
        change, others = layer(payload[6:], other, covered, bundles)
        most = max(places, others)
        g = f << (most - places)
        f = np.clip(g + (change << (most - others)) - 2 ** (most - 1), 0, 2**most)
        places = most
    if "FILT" in chunks:
        f = independent_filter.apply(chunks["FILT"], f, g, places)
    low, high = plan["low"], plan["high"]
    t = (np.clip(f, 0, 2**places) * max(high - low, 1) + 2 ** (places - 1)) >> places
    t = np.minimum(t, high - low)
    return high - t if plan["inverted"] else low + t


def decode_plane(
    chunks: dict[str, bytes], head: dict[str, int], sample: int, bundles: Iterable[Path]
) -> Array:
    """Return the values of a plane."""
    bits, least, most = range_of(head, sample)
    plan = plan_of(chunks, least, most)
    plan |= {"tile_log2": head["tile_log2"], "inverted": head["inverted"]}
    shape, side = (head["rows"], head["columns"]), 2 ** head["tile_log2"]
    low, high = plan["low"], plan["high"]
    stored = np.zeros(shape, dtype=np.int64)
    mask = coded = np.zeros(shape, dtype=bool)
    background, pixels, residual = (chunks.get(kind) for kind in ("MASK", "PIXL", "RESD"))
    if background is not None:
        ground, at = signed_number(background, 0)
        mask = decode_mask(background[at:], *shape)
        need(least <= ground <= most, "background")
    if pixels is not None:
        step, at = number(pixels, 0)
        size, at = number(pixels, at)
        need(1 <= step <= 65535 and at + size <= len(pixels), "fields of PIXL")
        coded, pixels = decode_flags(pixels[at : at + size], mask), pixels[at + size :]
    if plan["coding"] == 0:
        stored = layers(chunks, plan, mask | coded, bundles)
    if background is not None:
        stored[mask] = ground
    if pixels is not None:
        for part, stream in tiles_of(pixels, shape, side):
            decode_values(stream, stored[part], mask[part], coded[part], (low, high, step))
    if residual is not None:
        step, at = number(residual, 0)
        need(1 <= step <= 65535, "step of RESD")
        base = stored.copy() if plan["coding"] == 0 else None
        for part, stream in tiles_of(residual[at:], shape, side):
            under = None if base is None else base[part]
            decode_residual(stream, under, stored[part], mask[part], (step, low, high))
    if plan["coding"] == 2:
        stored = decode_jpegls(chunks["JPLS"], shape, bits, least)
    need(zlib.crc32(stored.astype("<i4").tobytes()) == plan["crc"], "CRC of the values")
    return stored


def colours_of(planes: Array, bits: int) -> Array:
    """Return red, green and blue of Y, Co and Cg (section 7, step 10)."""
    y, co, cg = planes
    t = y - (cg >> 1)
    g = cg + t
    b = t - (co >> 1)
    return np.clip([b + co, g, b], 0, 2**bits - 1)


def restore(rcz_bytes: bytes, bundles: Iterable[str | Path] = ()) -> tuple[Array, Array]:
    """Return the stored values (frames, samples, rows, columns), and the unused bits."""
    folders = [Path(folder) for folder in bundles]
    whole, planes = chunks_of(rcz_bytes)
    head = head_of(whole["HEAD"])
    samples = head["samples"]
    need(len(planes) == head["frames"] * samples, "number of planes")
    if "dset" in whole:
        check_dataset(whole["dset"])
    values = [decode_plane(one, head, n % samples, folders) for n, one in enumerate(planes)]
    stored = np.reshape(values, (head["frames"], samples, head["rows"], head["columns"]))
    if head["transform"]:
        stored = np.array([colours_of(frame, head["bits"]) for frame in stored])
    unused = np.array([unused_bits(one.get("UNUS", b""), head) for one in planes])[::samples]
    if "qual" in whole:
        need(len(whole["qual"]) == 14, "length of qual")
        psnr, _, digest = struct.unpack("<fH8s", whole["qual"])
        need(abs(psnr) <= 10**6 or psnr == float("inf"), "PSNR")
        found = hashlib.sha256(stored.astype("<i4").tobytes()).digest()
        need(found[:8] == digest, "SHA-256")
    return stored.astype(np.int32), unused


def decode(rcz_bytes: bytes, bundles: Iterable[str | Path] = ()) -> Array:
    """Return the stored values of a file, given folders among which are the bundles it names.

    The shape is (frames, rows, columns), or (frames, rows, columns, samples) with colours.
    """
    stored, _ = restore(rcz_bytes, bundles)
    return stored[:, 0] if stored.shape[1] == 1 else np.moveaxis(stored, 1, -1)
