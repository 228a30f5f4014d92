"""From trained codecs to the bundles that are shipped: networks, gains and tables."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from radcodec.entropy.tables import TableSet, save_experience, save_table_sets
from radcodec.network.bundle import Bundle, write_manifest
from radcodec.network.decompressor import EXPERIENCE
from radcodec.network.decompressor import Decompressor as Runtime
from radcodec.training.data import MODALITIES, IndexedImage, Sample
from radcodec.training.integer import IntegerDecompressor, quantise_decompressor
from radcodec.training.loop import Codec
from radcodec.training.onnx_export import agreement, compressor_onnx, decompressor_onnx, save_ir
from radcodec.training.patches import PatchSource
from radcodec.training.refinement import Bases
from radcodec.training.tables import refining_table_sets_of, steps_table, table_sets_of, trimmed

#: Version of the manifests' layout.
MANIFEST_VERSION = 1
#: Bits of an activation of the whole-numbered decompressor, and where rates are to be high.
ACTIVATION_BITS, FINE_ACTIVATION_BITS = 11, 12
#: Binary places of the reconstruction gains.
GAIN_SHIFT = 8


def integer_decompressor(
    codec: Codec, samples: list[Sample], bases: list[Codec], seed: int = 0
) -> IntegerDecompressor:
    """Quantise a codec's decompressor over patches of all modalities and levels."""
    generator = torch.Generator().manual_seed(seed)
    source = PatchSource(samples, 192, dict.fromkeys(MODALITIES, 1.0), seed)
    depth = codec.architecture.depth
    drawn = Bases(bases, depth, seed, "cpu")
    scaled = []
    for number in range(12):
        image, weight, _ = source.batch(8)
        position = torch.rand(8, generator=generator)
        if bases and number % 4:
            image = drawn.remainder(image, weight, position)
        with torch.no_grad():
            latent = codec.compressor(image)
            rounded = torch.round(latent / codec.encode_gains.log_step(position).exp())
            scaled.append(rounded * codec.decode_gains.log_step(position).exp())
    fine = depth == 1 or codec.architecture.wide
    return quantise_decompressor(
        codec.decompressor,
        torch.cat(scaled),
        activation_bits=FINE_ACTIVATION_BITS if fine else ACTIVATION_BITS,
    )


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
        if layer.minimum.any():
            arrays[f"conv{number}_min"] = layer.minimum.astype(np.int32)
    np.savez_compressed(folder / "weights.npz", **arrays)
    (folder / "tables.npz").write_bytes(save_table_sets(sets))
    (folder / EXPERIENCE).write_bytes(save_experience(sets))
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
    table_sets: tuple[list[int], list[int]],
    training: dict[str, Any],
) -> Bundle:
    """Write a compressor bundle for a modality; `table_sets` are those it tries.

    The first list is for images, the second for what another layer leaves of them.
    """
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
            "table_sets": table_sets[0],
            "refining_table_sets": table_sets[1],
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
    bases: list[Codec],
    *,
    per_modality: int = 30,
    seed: int = 0,
) -> list[Bundle]:
    """Write the decompressor and all compressors of one depth.

    Parameters
    ----------
    root : Path
        The models folder; bundles go to a folder of the architecture's name.
    joint : Codec
        Phase 1; its decompressor is the one that phase 2 left as it was.
    tuned : dict
        Modality to the codec of phase 2.
    images : list of IndexedImage
        Training images; statistics are taken from `per_modality` of each modality.
    training : dict
        For the manifests.
    bases : list of Codec
        Deeper codecs that this depth refines; empty where it refines none.
    """
    random = np.random.default_rng(seed)
    chosen: dict[str, list[Sample]] = {}
    for modality in MODALITIES:
        group = [image for image in images if image.modality == modality]
        picked = random.permutation(len(group))[:per_modality]
        chosen[modality] = [trimmed(group[index]) for index in picked]
    everything = [sample for group in chosen.values() for sample in group]
    # A modality without images of its own gets the tables of all others.
    chosen = {modality: group or everything for modality, group in chosen.items()}
    integer = integer_decompressor(joint, everything, bases, seed)
    sets: list[TableSet] = []
    indices: dict[str, tuple[list[int], list[int]]] = {}
    for modality, codec in tuned.items():
        numbers = []
        for built in (
            table_sets_of(codec, chosen[modality]),
            refining_table_sets_of(codec, chosen[modality], bases, seed) if bases else [],
        ):
            numbers.append(list(range(len(sets), len(sets) + len(built))))
            sets += built
        indices[modality] = (numbers[0], numbers[1])
    # The known answer comes from a random plane, so that no image is part of a bundle.
    answer = random.normal(0, 4, (joint.architecture.latents, 9, 7)).astype(np.int32)
    place = root / joint.architecture.name
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
