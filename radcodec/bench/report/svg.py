"""Figures as inline SVG that shares its page with others and follows the page's colours."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

from radcodec.bench.report import names

#: Colours to draw with that become the page's own.
INK = "#010203"
FAINT = "#010204"
_SVG = "http://www.w3.org/2000/svg"
_NEEDLESS = (f"{{{_SVG}}}style", f"{{{_SVG}}}metadata")
_LONG = re.compile(r"-?\d+\.\d{3,}")
_XLINK = "{http://www.w3.org/1999/xlink}href"


def _page_colours(codecs: Sequence[str]) -> dict[str, str]:
    found = {INK: "currentColor", FAINT: "var(--grid)"}
    for codec in codecs:
        # The page defines the variables of both colour schemes; see `page.codec_colours`.
        found.setdefault(names.colour(codec), f"var({names.variable(codec)})")
    return found


def _split(figure: Figure, name: str) -> ElementTree.Element:
    """The figure as a tree; ids derive from `name`, so equal figures give equal text."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        with warnings.catch_warnings():
            # Texts stay texts: the reader's browser has the letters that matplotlib lacks.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return ElementTree.fromstring(buffer.getvalue())


def inline(
    figure: Figure,
    name: str,
    label: str,
    codecs: Sequence[str] = (),
    titles: dict[str, list[str]] | None = None,
) -> str:
    """A figure as an <svg> element.

    Parameters
    ----------
    figure : Figure
        Drawn with `INK`, `FAINT` and the colours of `names`.
    name : str
        Unique in the page; letters, digits and hyphens.
    label : str
        What it shows, for those who cannot see it.
    codecs : sequence of str
        Codecs whose colours occur.  Artists with the gid "CODEC/PART" get the attributes
        data-codec and data-part.
    titles : dict of str to list of str or None
        By gid of a scatter, the tooltips of its points in their order.

    Returns
    -------
    str
        Markup in which every text is escaped.
    """
    root = _split(figure, name)
    colours = _page_colours(codecs)
    pattern = re.compile("|".join(map(re.escape, colours)), re.IGNORECASE)
    for parent in list(root.iter()):
        for child in list(parent):
            # The style is a rule for all elements, and would reach the whole page.
            if child.tag in _NEEDLESS:
                parent.remove(child)
    for element in root.iter():
        gid = element.get("id", "")
        if "/" in gid:
            codec, part = gid.rsplit("/", 1)
            element.set("data-codec", codec)
            element.set("data-part", part)
        points = (titles or {}).get(gid)
        if points:
            uses = list(element.iter(f"{{{_SVG}}}use"))
            for use, text in zip(uses, points, strict=False):
                ElementTree.SubElement(use, f"{{{_SVG}}}title").text = text
        if _XLINK in element.attrib:
            element.set("href", element.attrib.pop(_XLINK))
        for key, value in list(element.attrib.items()):
            if key == "id":
                # Several artists may share a gid; nothing refers to it.
                element.set(key, f"{name}-{value}")
                if "/" in value:
                    del element.attrib[key]
            elif key == "href":
                element.set(key, value.replace("#", f"#{name}-", 1))
            elif key in ("style", "clip-path", "fill", "stroke"):
                value = value.replace("url(#", f"url(#{name}-")
                element.set(key, pattern.sub(lambda m: colours[m[0].lower()], value))
            elif key in ("d", "x", "y", "transform"):
                # A hundredth of a point is enough, and makes the page much smaller.
                element.set(key, _LONG.sub(lambda m: f"{float(m[0]):.2f}", value))
    root.set("role", "img")
    root.set("aria-label", label)
    root.set("style", "stroke-linejoin: round; stroke-linecap: butt")
    # The page's style gives the width; the height follows from the view box.
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)
    for element in root.iter():
        # In HTML the elements of SVG have no prefix and need no namespace.
        element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
    return ElementTree.tostring(root, encoding="unicode")
