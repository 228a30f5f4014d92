"""From trained codecs to the bundles that are shipped: networks, gains and tables."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from radcodec.entropy.build import build_table_set, choose_order, choose_thresholds
from radcodec.entropy.counting import Counts, activities, count_symbols
from radcodec.entropy.tables import TableSet, save_table_sets
from radcodec.intensity.background import skipped_positions
from radcodec.network.bundle import Bundle, write_manifest
from radcodec.network.decompressor import Decompressor as Runtime
from radcodec.quantising.levels import LEVELS
from radcodec.training.data import MODALITIES, IndexedImage, PatchSource, Sample, prepare
from radcodec.training.integer import IntegerDecompressor, quantise_decompressor
from radcodec.training.loop import Codec
from radcodec.training.networks import Compressor
from radcodec.training.onnx_export import agreement, compressor_onnx, decompressor_onnx, save_ir

#: Version of the manifests' layout.
MANIFEST_VERSION = 1
#: Levels that table statistics are gathered at, in bands that each get a table set.
BANDS = ((30, 55, 80), (95, 115, 135), (150, 170, 190), (205, 225, 245))
#: Binary places of the reconstruction gains.
GAIN_SHIFT = 8
#: Largest part of one image that statistics are gathered from, pixels along a side.
STATISTICS_SIDE = 768


def steps_table(codec: Codec, *, decode: bool) -> NDArray[np.float64]:
    """Quantiser steps (levels, latents) of the compressor, or of the decompressor."""
    gains = codec.decode_gains if decode else codec.encode_gains
    position = torch.linspace(0, 1, LEVELS)
    with torch.no_grad():
        steps: NDArray[np.float64] = gains.log_step(position).exp()[:, :, 0, 0].double().numpy()
    return steps


def _latent(net: Compressor, sample: Sample, block: int) -> NDArray[np.float32]:
    unit = sample.unit.astype(np.float32) / np.float32(65535)
    rows, cols = unit.shape
    unit = np.pad(unit, ((0, -rows % block), (0, -cols % block)), mode="edge")
    with torch.no_grad():
        out: NDArray[np.float32] = net(torch.from_numpy(unit)[None, None])[0].numpy()
    return out


def _trimmed(image: IndexedImage) -> Sample:
    """Middle part of an image, so that the largest do not outweigh all others."""
    stored = image.stored()
    top, left = (max((side - STATISTICS_SIDE) // 2, 0) for side in stored.shape)
    middle = stored[top : top + STATISTICS_SIDE, left : left + STATISTICS_SIDE]
    return prepare(image.path.name, image.modality, middle)


def integer_decompressor(codec: Codec, samples: list[Sample], seed: int = 0) -> IntegerDecompressor:
    """Quantise a codec's decompressor over patches of all modalities and levels."""
    generator = torch.Generator().manual_seed(seed)
    source = PatchSource(samples, 192, dict.fromkeys(MODALITIES, 1.0), seed)
    images, _, _ = source.batch(96)
    position = torch.rand(96, generator=generator)
    with torch.no_grad():
        latent = codec.compressor(torch.from_numpy(images))
        rounded = torch.round(latent / codec.encode_gains.log_step(position).exp())
        scaled = rounded * codec.decode_gains.log_step(position).exp()
    return quantise_decompressor(codec.decompressor, scaled, activation_bits=11)


def table_sets_of(codec: Codec, samples: list[Sample]) -> list[TableSet]:
    """Build one table set a band of levels from the latents of images."""
    block = codec.architecture.block
    steps = steps_table(codec, decode=False).astype(np.float32)
    latents = []
    for sample in samples:
        latent = _latent(codec.compressor, sample, block)
        skip = np.zeros(latent.shape[1:], dtype=bool)
        if sample.mask is not None:
            skip = skipped_positions(sample.mask, block)
        latents.append((latent, skip))
    sets = []
    for band in BANDS:
        tiles = [
            (np.rint(latent / steps[level][:, None, None]).astype(np.int32), skip)
            for level in band
            for latent, skip in latents
        ]
        order = choose_order([q for q, _ in tiles])
        thresholds = choose_thresholds(np.concatenate([activities(q, s) for q, s in tiles]))
        counts = Counts.none(len(order))
        for quantised, skip in tiles:
            count_symbols(quantised, skip, order, thresholds, counts)
        sets.append(build_table_set(counts, order, thresholds))
    return sets


def write_decompressor(
    folder: Path,
    codec: Codec,
    integer: IntegerDecompressor,
    sets: list[TableSet],
    training: dict[str, Any],
    answer: NDArray[np.int32],
) -> Bundle:
    """Write a decompressor bundle.

    Parameters
    ----------
    folder : Path
        Made, or its bundle replaced.
    codec, integer : Codec, IntegerDecompressor
        Gains come from the codec, the network is `integer`.
    sets : list of TableSet
        Entropy tables of all modalities.
    training : dict
        Data, licences, minutes and machine, for the manifest.
    answer : ndarray of int32, shape (latents, r, c)
        Quantised latent of the known-answer test.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_ir(decompressor_onnx(integer), folder, half=False)
    gains = np.rint(steps_table(codec, decode=True) * integer.input_scale * 2.0**GAIN_SHIFT)
    np.savez_compressed(
        folder / "gains.npz",
        gains=np.maximum(gains, 1).astype(np.int32),
        shift=np.int32(GAIN_SHIFT),
        limits=integer.input_limits.astype(np.int32),
    )
    arrays: dict[str, Any] = {}
    for number, layer in enumerate(integer.layers):
        arrays[f"conv{number}_weight"] = layer.weight.astype(np.int32)
        arrays[f"conv{number}_bias"] = layer.bias
        arrays[f"conv{number}_shift"] = layer.shift.astype(np.int32)
        arrays[f"conv{number}_max"] = layer.maximum.astype(np.int32)
    np.savez_compressed(folder / "weights.npz", **arrays)
    (folder / "tables.npz").write_bytes(save_table_sets(sets))
    np.savez_compressed(folder / "known_answer.npz", latent=answer, level=np.int32(120))
    fields: dict[str, Any] = {
        "kind": "decompressor",
        "version": MANIFEST_VERSION,
        **codec.architecture.as_dict(),
        "fraction_bits": integer.fraction_bits,
        "largest_possible_sum": integer.check_bounds(),
        "exact_below": 1 << 24,
        "training": training,
    }
    fields["known_answer_sha256"] = ""
    draft = Runtime(write_manifest(folder, fields))
    fields["known_answer_sha256"] = draft.known_answer()
    reference = integer.run(torch.from_numpy(draft.gains.dequantise(answer, 120))[None])
    digest = hashlib.sha256(reference[0, 0].numpy().astype("<i4").tobytes()).hexdigest()
    if digest != fields["known_answer_sha256"]:
        raise ValueError("torch and OpenVINO differ on the known answer")
    return write_manifest(folder, fields)


def write_compressor(
    folder: Path,
    codec: Codec,
    modality: str,
    decompressor: Bundle,
    table_sets: list[int],
    training: dict[str, Any],
) -> Bundle:
    """Write a compressor bundle for a modality; `table_sets` are those it tries."""
    folder.mkdir(parents=True, exist_ok=True)
    save_ir(compressor_onnx(codec.compressor), folder, half=False)
    np.savez_compressed(
        folder / "gains.npz", steps=steps_table(codec, decode=False).astype(np.float32)
    )
    side = codec.architecture.block * 6
    probe = torch.rand(1, 1, side, side + codec.architecture.block)
    return write_manifest(
        folder,
        {
            "kind": "compressor",
            "version": MANIFEST_VERSION,
            "modality": modality,
            **codec.architecture.as_dict(),
            "decompressor": decompressor.id,
            "table_sets": table_sets,
            "torch_openvino_max_difference": agreement(codec.compressor, folder, probe),
            "training": training,
        },
    )


def write_bundles(
    root: Path,
    joint: Codec,
    tuned: dict[str, Codec],
    images: list[IndexedImage],
    training: dict[str, Any],
    *,
    per_modality: int = 30,
    seed: int = 0,
) -> list[Bundle]:
    """Write the decompressor and all compressors of one depth.

    Parameters
    ----------
    root : Path
        The models folder; bundles go to ``d<depth>/``.
    joint : Codec
        Phase 1; its decompressor is the one that phase 2 left as it was.
    tuned : dict
        Modality to the codec of phase 2.
    images : list of IndexedImage
        Training images; statistics are taken from `per_modality` of each modality.
    training : dict
        For the manifests.
    """
    random = np.random.default_rng(seed)
    chosen: dict[str, list[Sample]] = {}
    for modality in MODALITIES:
        group = [image for image in images if image.modality == modality]
        picked = random.permutation(len(group))[:per_modality]
        chosen[modality] = [_trimmed(group[index]) for index in picked]
    everything = [sample for group in chosen.values() for sample in group]
    integer = integer_decompressor(joint, everything, seed)
    sets: list[TableSet] = []
    indices: dict[str, list[int]] = {}
    for modality, codec in tuned.items():
        served = chosen[modality] + (chosen["mg"] if modality == "xr" else [])
        built = table_sets_of(codec, served)
        indices[modality] = list(range(len(sets), len(sets) + len(built)))
        sets += built
    # The known answer comes from a random plane, so that no image is part of a bundle.
    answer = random.normal(0, 4, (joint.architecture.latents, 9, 7)).astype(np.int32)
    place = root / f"d{joint.architecture.depth}"
    decompressor = write_decompressor(
        place / "decompressor", joint, integer, sets, training, answer
    )
    bundles = [decompressor]
    for modality, codec in tuned.items():
        bundles.append(
            write_compressor(
                place / f"compressor-{modality}",
                codec,
                modality,
                decompressor,
                indices[modality],
                training,
            )
        )
    return bundles
