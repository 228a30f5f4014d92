"""Bundles: one network with all that its use needs, identified by a SHA-256.

A bundle is a folder with a ``manifest.json`` that lists the SHA-256 of every other file
it depends on; the SHA-256 of the manifest itself is the bundle's id.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radcodec.errors import ModelMismatchError, ModelNotFoundError

MANIFEST = "manifest.json"
#: Figures on held-out images, beside the manifest and no part of the bundle's identity.
CARD = "card.json"


@dataclass(frozen=True)
class Bundle:
    """A bundle's place and manifest.

    Attributes
    ----------
    path : Path
        The folder.
    id : str
        SHA-256 of the manifest, 64 hexadecimal digits.
    manifest : dict
        The manifest's content.
    """

    path: Path
    id: str
    manifest: dict[str, Any]

    @property
    def kind(self) -> str:
        """Either "compressor" or "decompressor"."""
        return str(self.manifest["kind"])

    @property
    def depth(self) -> int:
        """Number of digest units d."""
        return int(self.manifest["depth"])

    @property
    def modality(self) -> str | None:
        """Modality of a compressor; None for a decompressor, which serves all."""
        value = self.manifest.get("modality")
        return None if value is None else str(value)

    @property
    def figures(self) -> dict[str, Any]:
        """What the card says; empty where there is none that can be read."""
        try:
            card: dict[str, Any] = json.loads((self.path / CARD).read_bytes())
        except (OSError, ValueError):
            return {}
        return card

    @property
    def latents(self) -> int:
        """Latent channels."""
        return int(self.manifest["latents"])

    @property
    def wide(self) -> bool:
        """Whether latents are more than half as many as features; see docs/format.md, 6."""
        return 2 * self.latents > int(self.manifest["width"])

    @property
    def block(self) -> int:
        """Pixels along one side of a latent position's block."""
        return int(2 ** (self.depth + 1))

    def read(self, name: str) -> bytes:
        """Read one file of the bundle, checking its SHA-256.

        Raises
        ------
        ModelMismatchError
            If the file is missing or is not the one that the manifest names.
        """
        expected = self.manifest["files"].get(name)
        path = self.path / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelMismatchError(
                f"model file {path} cannot be read ({error.strerror}); reinstall radcodec"
            ) from error
        if hashlib.sha256(data).hexdigest() != expected:
            raise ModelMismatchError(
                f"model file {path} is not the one its manifest names; reinstall radcodec"
            )
        return data


def load_bundle(path: Path) -> Bundle:
    """Read a bundle's manifest.

    Raises
    ------
    ModelNotFoundError
        If there is none.
    ModelMismatchError
        If it is no valid manifest.
    """
    try:
        data = (path / MANIFEST).read_bytes()
    except OSError as error:
        raise ModelNotFoundError(
            f"no model bundle in {path}: {MANIFEST} cannot be read ({error.strerror})"
        ) from error
    try:
        manifest = json.loads(data)
        bundle = Bundle(path, hashlib.sha256(data).hexdigest(), manifest)
        if bundle.kind not in ("compressor", "decompressor") or not 1 <= bundle.depth <= 4:
            raise ValueError("unknown kind or depth")
        if bundle.latents < 1 or (bundle.wide and bundle.latents > int(manifest["width"])):
            raise ValueError("latents do not suit the width")
    except (ValueError, KeyError, TypeError) as error:
        raise ModelMismatchError(
            f"{path / MANIFEST} is no valid manifest ({error}); reinstall radcodec"
        ) from error
    return bundle


def write_manifest(path: Path, fields: dict[str, Any]) -> Bundle:
    """Write the manifest for the files that lie in a folder, and load the bundle.

    Parameters
    ----------
    path : Path
        Folder that holds the bundle's files.
    fields : dict
        Everything but ``files``, JSON-serialisable.
    """
    files = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.iterdir())
        if file.name not in (MANIFEST, CARD, "README.md")
    }
    text = json.dumps({**fields, "files": files}, indent=1, sort_keys=True) + "\n"
    (path / MANIFEST).write_bytes(text.encode())
    return load_bundle(path)
