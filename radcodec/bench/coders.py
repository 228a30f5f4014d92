"""What the bench asks of every codec, radcodec and the others alike: a file of a wanted size.

An image's files are made in one process and restored in another, which gets the bytes of the
file and the `Scaling` and nothing else: a codec cannot keep pixels to itself.
"""

from __future__ import annotations

import hashlib
import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.codecs import CODECS
from radcodec.bench.codecs.base import Codec, Knob, Scaling
from radcodec.bench.codecs.match import Matcher
from radcodec.bench.own import NAME, encode_at, find_level, setting, whole_file
from radcodec.codec import decompress, load_rules, prepare
from radcodec.codec.choosing import plans_for
from radcodec.codec.plans import RULES
from radcodec.codec.search import Search
from radcodec.errors import UsageError
from radcodec.network.store import ModelStore
from radcodec.reading.image import GreyImage

#: Codecs whose work is done by a program of their own.
EXTERNAL = frozenset({"hevc", "av1"})
#: Seconds after which no further run of a slow codec is timed.
PATIENCE = 4.0

T = TypeVar("T")


@dataclass(frozen=True)
class Target:
    """A size to be met.

    Attributes
    ----------
    label : str
        As asked, "ratio 20" or "0.5 bpp".
    size : int
        Bytes of the whole file.
    """

    label: str
    size: int


@dataclass(frozen=True)
class Encoded:
    """One file.

    Attributes
    ----------
    target : Target
        What it was to be.
    knob : str
        The setting that made it.
    data : bytes
        The whole file.
    scaling : Scaling or None
        What the decoder needs beside it.
    seconds : float
        Median time of one encoding at that setting, without the search for the setting and
        without any verification.
    """

    target: Target
    knob: str
    data: bytes
    scaling: Scaling | None
    seconds: float


class Coder(Protocol):
    """A codec of the bench.

    Attributes
    ----------
    name : str
        As in rows and tables.
    settings : str
        What it is given, in plain words.
    """

    name: str
    settings: str

    def available(self) -> str | None:
        """None where the codec can be used, or what is missing and how to install it."""

    def version(self) -> str:
        """Name and version of what makes the files."""

    def encode(
        self, image: GreyImage, modality: str, targets: Sequence[Target], runs: int
    ) -> list[Encoded]:
        """Make the file nearest to each size, its time the median of up to `runs` runs."""

    def decode(self, data: bytes, scaling: Scaling | None) -> NDArray[np.int32]:
        """Restore stored values, shape (rows, columns), from a file."""


def timed(work: Callable[[], T], runs: int) -> tuple[T, float]:
    """Do work up to `runs` times: its last result, and the median of the seconds it took.

    Work that takes long is done less often, but once at least; see `PATIENCE`.
    """
    seconds: list[float] = []
    while True:
        begin = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - begin)
        if len(seconds) >= runs or sum(seconds) > PATIENCE:
            return result, float(np.median(seconds))


class PeerCoder:
    """One of `radcodec.bench.codecs`."""

    def __init__(self, codec: Codec, name: str | None = None) -> None:
        self.codec = codec
        self.name, self.settings = name or codec.NAME, codec.SETTINGS

    def available(self) -> str | None:
        """See `Coder`."""
        return self.codec.available()

    def version(self) -> str:
        """See `Coder`."""
        return self.codec.version()

    def encode(
        self, image: GreyImage, modality: str, targets: Sequence[Target], runs: int
    ) -> list[Encoded]:
        """See `Coder`."""
        took: dict[Knob, list[float]] = {}

        def encode(stored: NDArray[np.int32], knob: Knob) -> bytes:
            data, seconds = timed(lambda: self.codec.encode(stored, knob), 1)
            took.setdefault(knob, []).append(seconds)
            return data

        matcher = Matcher(self.codec, image.stored, encode)
        files = []
        for target in targets:
            point = matcher.match(target.size)
            while len(took[point.knob]) < runs and sum(took[point.knob]) < PATIENCE:
                encode(image.stored, point.knob)
            scaling = self.codec.scaling(image.stored, point.knob)
            seconds = float(np.median(took[point.knob]))
            files.append(Encoded(target, str(point.knob), point.data, scaling, seconds))
        return files

    def decode(self, data: bytes, scaling: Scaling | None) -> NDArray[np.int32]:
        """See `Coder`."""
        assert scaling is not None
        return self.codec.decode(data, scaling)


class OwnCoder:
    """This package's codec, with the depth that `--depth auto` takes."""

    name = NAME
    settings = (
        "The whole .rcz file, header and checksums included, without the DICOM data set; depth "
        "and refinement as the command line chooses them."
    )

    def __init__(self) -> None:
        self.models = ModelStore()

    def available(self) -> str | None:
        """See `Coder`."""
        return None

    def version(self) -> str:
        """See `Coder`: that of the package, and a digest of its models and rules."""
        from importlib import metadata

        digest = hashlib.sha256()
        for bundle in self.models.bundles:
            digest.update(bundle.id.encode())
        rules = self.models.root / RULES
        digest.update(rules.read_bytes() if rules.exists() else b"")
        return f"radcodec {metadata.version('radcodec')}, models {digest.hexdigest()[:12]}"

    def encode(
        self, image: GreyImage, modality: str, targets: Sequence[Target], runs: int
    ) -> list[Encoded]:
        """See `Coder`."""
        rules = load_rules(self.models.root)
        plans = plans_for(modality, None, None, rules, self.models)
        search = Search(prepare(image), modality, plans, rules, self.models)
        files: list[Encoded] = []
        for target in targets:
            encoder, level = find_level(search, target.size)
            work = partial(encode_at, image, modality, encoder.plan, level, self.models)
            _, seconds = timed(work, runs)
            data = whole_file(encoder, level)
            knob = setting(encoder.plan, level)
            files.append(Encoded(target, knob, data, None, seconds))
        return files

    def decode(self, data: bytes, scaling: Scaling | None) -> NDArray[np.int32]:
        """See `Coder`."""
        return decompress(data, models=self.models).stored


def make_coder(name: str) -> Coder:
    """Make a codec of the bench from its name.

    Parameters
    ----------
    name : str
        "radcodec", a key of `radcodec.bench.codecs.CODECS`, or the dotted name of a module of
        the shape `radcodec.bench.codecs.base.Codec`.

    Raises
    ------
    UsageError
        If there is no such codec.
    """
    if name == NAME:
        return OwnCoder()
    if name in CODECS:
        return PeerCoder(CODECS[name])
    try:
        module: Any = importlib.import_module(name)
    except Exception as error:  # somebody's module may raise anything
        raise UsageError(
            f"no codec {name!r}; there are {', '.join(NAMES)}, or give the dotted name of a "
            f"module ({error})"
        ) from error
    lacking = [part for part in PARTS if not hasattr(module, part)]
    if lacking:
        raise UsageError(f"the module {name} is no codec: it lacks {', '.join(lacking)}")
    return PeerCoder(module, name)


#: Names of all coders, in the order of tables.
NAMES = (NAME, *CODECS)
#: What a module must have to be a codec.
PARTS = ("SETTINGS", "KNOBS", "WHOLE", "available", "version", "scaling", "encode", "decode")
