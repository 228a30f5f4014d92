"""Options that several of the benchmarks take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from radcodec.training.data import MODALITIES

F = TypeVar("F", bound=Callable[..., Any])

#: PSNR in dB as which an exact restoration counts in means.
EXACT = 100.0


def only_modalities(command: F) -> F:
    """Add ``--modality``, which may be repeated, as `modalities`: a tuple, empty for all."""
    add = click.option(
        "--modality",
        "modalities",
        multiple=True,
        type=click.Choice(MODALITIES),
        help="Only these; may be repeated.",
    )
    return add(command)
