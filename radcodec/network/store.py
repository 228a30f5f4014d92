"""Finding bundles: those that came with the package, or those of another folder."""

from __future__ import annotations

import os
from functools import cache, cached_property
from pathlib import Path

from radcodec.errors import ModelNotFoundError, RadcodecError
from radcodec.network.bundle import Bundle, load_bundle
from radcodec.network.compressor import Compressor
from radcodec.network.decompressor import Decompressor

#: Environment variable that names another models folder.
VARIABLE = "RADCODEC_MODELS"


def default_root() -> Path:
    """Folder of the models: the variable's, the installed package's, or the checkout's."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    package = Path(__file__).resolve().parents[1]
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def _described(modality: str | None, depth: int, wide: bool) -> str:
    return f"{modality} at depth {depth}{' with many latents' if wide else ''}"


class ModelStore:
    """All bundles below a folder, loaded when first used.

    Parameters
    ----------
    root : Path or None
        The folder; see `default_root` when None.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = default_root() if root is None else root
        self._compressors: dict[str, Compressor] = {}
        self._decompressors: dict[str, Decompressor] = {}

    @cached_property
    def bundles(self) -> list[Bundle]:
        """Every bundle below the folder, in the order of depth, latents, kind and modality."""
        found = [load_bundle(path.parent) for path in sorted(self.root.glob("d?*/*/manifest.json"))]
        if not found:
            raise ModelNotFoundError(
                f"no models in {self.root}; reinstall radcodec, or set {VARIABLE} to their folder"
            )
        return sorted(found, key=lambda b: (b.depth, b.latents, b.kind, b.modality or ""))

    def compressors(self) -> list[Bundle]:
        """Bundles of all compressors."""
        return [b for b in self.bundles if b.kind == "compressor"]

    def decompressors(self) -> list[Bundle]:
        """Bundles of all decompressors."""
        return [b for b in self.bundles if b.kind == "decompressor"]

    def depths(self, modality: str, *, wide: bool = False) -> list[int]:
        """Depths for which there is a compressor of a modality, ascending."""
        return [b.depth for b in self.compressors() if b.modality == modality and b.wide == wide]

    def compressor(self, modality: str, depth: int, *, wide: bool = False) -> Compressor:
        """Compressor of a modality and depth.

        Parameters
        ----------
        modality : str
        depth : int
        wide : bool
            Whether it is to be one of many latents; see `Bundle.wide`.

        Raises
        ------
        ModelNotFoundError
            If there is none; the message lists those there are.
        """
        for bundle in self.compressors():
            if (bundle.modality, bundle.depth, bundle.wide) == (modality, depth, wide):
                if bundle.id not in self._compressors:
                    self._compressors[bundle.id] = Compressor(bundle)
                return self._compressors[bundle.id]
        have = ", ".join(_described(b.modality, b.depth, b.wide) for b in self.compressors())
        asked = _described(modality, depth, wide)
        raise ModelNotFoundError(f"no compressor for {asked} in {self.root}; there are: {have}")

    def decompressor(self, model_id: str) -> Decompressor:
        """Decompressor with a given id, or whose id begins with it.

        Raises
        ------
        ModelNotFoundError
            If there is none.
        """
        for bundle in self.decompressors():
            if bundle.id.startswith(model_id):
                if bundle.id not in self._decompressors:
                    self._decompressors[bundle.id] = self.load_decompressor(bundle)
                return self._decompressors[bundle.id]
        raise ModelNotFoundError(
            f"the file needs the decompressor {model_id[:16]}…, which is not in {self.root}; "
            f"install the version of radcodec that wrote it, or set {VARIABLE} to a folder "
            "that has it"
        )

    def load_decompressor(self, bundle: Bundle) -> Decompressor:
        """Load a bundle of kind "decompressor"; a store of others of its kind overrides this."""
        return Decompressor(bundle)

    def self_test(self) -> list[tuple[str, bool, str]]:
        """Run every decompressor's known-answer test and load every compressor.

        Returns
        -------
        list of (name, ok, message)
        """
        results = []
        for bundle in self.bundles:
            name = str(bundle.path.relative_to(self.root))
            try:
                if bundle.kind == "decompressor":
                    self.decompressor(bundle.id).self_test()
                    results.append((name, True, "known answer reproduced"))
                else:
                    self.compressor(bundle.modality or "", bundle.depth, wide=bundle.wide)
                    results.append((name, True, "loads"))
            except RadcodecError as error:
                results.append((name, False, str(error)))
        return results


@cache
def default_store() -> ModelStore:
    """The package's bundles, loaded once in a process."""
    return ModelStore()
