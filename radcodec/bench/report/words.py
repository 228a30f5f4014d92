"""Numbers as people read them."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

# Marks that turn the direction of what follows, and so can make one name look like another.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

#: For what is not known or does not apply.
NONE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def percent(value: float | None, digits: int = 1) -> str:
    """Write -0.167 as "-16.7 %", with a true minus and a space that does not break."""
    if value is None:
        return NONE
    # Rounding must not leave a signed zero.
    text = f"{100 * value:+.{digits}f}"
    if float(text) == 0:
        text = f"{0:.{digits}f}"
    return text.replace("-", MINUS) + "\u00a0%"


def interval(ends: list[float] | tuple[float, float] | None) -> str:
    """Both ends of a 95 % interval of a rate difference."""
    if ends is None:
        return NONE
    low, high = (percent(end).removesuffix("\u00a0%") for end in ends)
    return f"{low} to {high}\u00a0%"


def decibels(value: float | None) -> str:
    """A PSNR; null in the results stands for an exact restoration."""
    return "exact" if value is None or math.isinf(value) else f"{value:.2f}"


def similarity(value: float | None) -> str:
    """SSIM or MS-SSIM, with more digits the nearer it is to 1."""
    if value is None:
        return NONE
    if value >= 1:
        return "1"
    digits = min(6, max(4, 1 - math.floor(math.log10(1 - value))))
    return f"{value:.{digits}f}"


def speed(value: float | None) -> str:
    """Megapixels a second, to three digits."""
    if value is None or value <= 0:
        return NONE
    digits = max(0, 2 - math.floor(math.log10(value)))
    return f"{value:.{min(digits, 4)}f}"


def times(value: float | None, other: float | None) -> str:
    """How often `other` goes into `value`."""
    if not value or not other:
        return NONE
    return f"{speed(value / other)}\u00a0\N{MULTIPLICATION SIGN}"


def memory(value: float | None) -> str:
    """Bytes as MiB or GiB."""
    if value is None:
        return NONE
    mebibytes = value / 2**20
    if mebibytes >= 1024:
        return f"{mebibytes / 1024:.1f}\u00a0GiB"
    return f"{mebibytes:.0f}\u00a0MiB"


def count(number: int, noun: str) -> str:
    """ "1 image", "3 images"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def listed(names: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def printable(text: str) -> str:
    """Untrusted text without what HTML and SVG cannot hold or what would reorder a line."""
    out = []
    for character in text:
        if character in "\t\n\r":
            out.append(" ")
        elif unicodedata.category(character) in ("Cc", "Cs", "Cn") or character in _REORDERING:
            out.append("\ufffd")
        else:
            out.append(character)
    return "".join(out)


def cleaned(value: Any) -> Any:
    """Results whose texts, keys too, are all `printable`."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {cleaned(key): cleaned(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(each) for each in value]
    return value
