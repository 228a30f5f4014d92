"""How codecs, modalities and metrics are called and coloured in tables and charts."""

from __future__ import annotations

#: By codec, for a white page.  Charts add markers, so that no meaning rests on colour alone.
COLOURS = {
    "radcodec": "#0060c0",
    "jpeg": "#999999",
    "jpeg12": "#555555",
    "jpeg2000": "#d08000",
    "htj2k": "#e0b050",
    "jpegxl": "#208040",
    "jpegls": "#a07050",
    "hevc": "#8040b0",
    "av1": "#c03030",
}
#: The same codecs on a dark page.
DARK_COLOURS = {
    "radcodec": "#62aaff",
    "jpeg": "#a8a8a8",
    "jpeg12": "#d6d6d6",
    "jpeg2000": "#f0a020",
    "htj2k": "#f0d080",
    "jpegxl": "#50c078",
    "jpegls": "#d0a080",
    "hevc": "#c088f0",
    "av1": "#ff7070",
}
#: Matplotlib's markers, by codec.
MARKERS = {
    "radcodec": "o",
    "jpeg": "v",
    "jpeg12": "^",
    "jpeg2000": "s",
    "htj2k": "D",
    "jpegxl": "P",
    "jpegls": "X",
    "hevc": "p",
    "av1": "*",
}
#: The same as characters, for legends in text.
SIGNS = {
    "radcodec": "●",
    "jpeg": "▼",
    "jpeg12": "▲",
    "jpeg2000": "■",
    "htj2k": "◆",
    "jpegxl": "✚",
    "jpegls": "✖",
    "hevc": "⬟",
    "av1": "★",
}
CODECS = {
    "radcodec": "radcodec",
    "jpeg": "JPEG",
    "jpeg12": "12-bit JPEG",
    "jpeg2000": "JPEG 2000",
    "htj2k": "HTJ2K",
    "jpegxl": "JPEG XL",
    "jpegls": "JPEG-LS",
    "hevc": "HEVC intra",
    "av1": "AV1 intra",
}
MODALITIES = {
    "ct": "CT",
    "mr": "MR",
    "xr": "X-ray",
    "mg": "Mammography",
    "generic": "Other images",
}
#: Metrics of BD-rates, in the order of the page.
METRICS = {
    "psnr": "PSNR",
    "ms_ssim": "MS-SSIM",
    "ssim": "SSIM",
    "display": "PSNR in the window of the file",
    "lung": "PSNR in the lung window, \N{MINUS SIGN}600/1500 HU",
    "soft_tissue": "PSNR in the soft tissue window, 40/400 HU",
    "bone": "PSNR in the bone window, 400/1800 HU",
}
#: The same for heads of narrow columns.
SHORT_METRICS = {
    "psnr": "PSNR",
    "ms_ssim": "MS-SSIM",
    "ssim": "SSIM",
    "display": "file\N{RIGHT SINGLE QUOTATION MARK}s window",
    "lung": "lung window",
    "soft_tissue": "soft tissue window",
    "bone": "bone window",
}
_SPARE_COLOUR, _SPARE_DARK = "#a02080", "#e080d0"


def colour(codec: str) -> str:
    """Colour on a white page."""
    return COLOURS.get(codec, _SPARE_COLOUR)


def dark_colour(codec: str) -> str:
    """Colour on a dark page."""
    return DARK_COLOURS.get(codec, _SPARE_DARK)


def marker(codec: str) -> str:
    """Matplotlib's name of the codec's marker."""
    return MARKERS.get(codec, "h")


def sign(codec: str) -> str:
    """The marker as a character."""
    return SIGNS.get(codec, "⬢")


def codec_name(codec: str) -> str:
    """A codec as people write it."""
    return CODECS.get(codec, codec)


def modality_name(modality: str) -> str:
    """A modality as people write it."""
    return MODALITIES.get(modality, modality.upper())


def metric_name(metric: str) -> str:
    """A metric, with its window where it has one."""
    return METRICS.get(metric, metric.replace("_", " "))


def short_metric(metric: str) -> str:
    """A metric for a narrow column."""
    return SHORT_METRICS.get(metric, metric.replace("_", " "))


def at_equal(metric: str) -> str:
    """What is held equal, for a sentence."""
    short = short_metric(metric)
    return f"in the {short}" if short.endswith("window") else f"at equal {short}"


def variable(codec: str) -> str:
    """CSS variable of the codec's colour."""
    return "--codec-" + "".join(c if c.isascii() and c.isalnum() else "-" for c in codec)
