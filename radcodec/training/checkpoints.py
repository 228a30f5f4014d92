"""Small checkpoints that travel with the source: float16 weights in safetensors files."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from radcodec.training.loop import Codec
from radcodec.training.networks import Architecture


def save_small(codec: Codec, path: Path, rest: Path | None = None) -> None:
    """Write a codec's weights as float16, its architecture as metadata.

    Parameters
    ----------
    codec : Codec
        What to keep.
    path : Path
        Where; its folder is made.
    rest : Path, optional
        Small checkpoint in the same folder; what it holds with the same values is left out
        here, as the frozen decompressor of a tuned codec.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: value.detach().cpu().half().contiguous() for name, value in codec.state_dict().items()
    }
    metadata = {key: str(value) for key, value in codec.architecture.as_dict().items()}
    if rest is not None:
        metadata["rest"] = rest.name
        for name, value in load_file(rest).items():
            if torch.equal(tensors[name], value):
                del tensors[name]
    save_file(tensors, path, metadata=metadata)


def _rebuilt(architecture: Architecture, tensors: dict[str, torch.Tensor]) -> Codec:
    """A codec of these weights; what an earlier rate model lacks stays as new."""
    codec = Codec(architecture)
    new = {n: value for n, value in codec.state_dict().items() if n.startswith("rate_model.")}
    codec.load_state_dict(new | tensors)
    return codec


def load_small(path: Path) -> Codec:
    """Rebuild a codec from `save_small`'s file."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as handle:
        metadata = dict(handle.metadata())
    rest = metadata.pop("rest", None)
    tensors = {} if rest is None else load_file(path.parent / rest)
    tensors.update(load_file(path))
    architecture = Architecture(**{key: int(value) for key, value in metadata.items()})
    return _rebuilt(architecture, {name: value.float() for name, value in tensors.items()})


def load_codec(path: Path) -> Codec:
    """Load a run folder's checkpoint, or a small checkpoint.

    Raises
    ------
    FileNotFoundError
        If there is neither.
    """
    if path.suffix == ".safetensors":
        return load_small(path)
    state = torch.load(path / "checkpoint.pt", map_location="cpu", weights_only=True)
    config = state["config"]
    architecture = Architecture(config["depth"], config["width"], config["latents"])
    return _rebuilt(architecture, state["codec"])
