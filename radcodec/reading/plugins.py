"""Which of pydicom's decoding plugins serve a transfer syntax, and in what order.

Plugins are compiled, and damaged codestreams are a matter of course.  Those that answer them
with an error come first.  GDCM ends the whole process on some, so that it serves only where
no other does, and in a process of its own.
"""

from __future__ import annotations

from pydicom.pixels.decoders.base import Decoder
from pydicom.uid import UID, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

#: Ends the process on some damaged codestreams.
UNSAFE = "gdcm"
_ORDER = ("pylibjpeg", "pyjpegls", "pillow", "pydicom")
#: Where the others may be there and yet not decode, as Pillow does not with 12 bits.
_NEEDED = (JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1)


def plugins_for(decoder: Decoder) -> list[str]:
    """Names of the plugins to try, in this order; none for uncompressed pixels."""
    available = decoder.available_plugins
    safe = [name for name in _ORDER if name in available]
    safe += [name for name in available if name not in (*_ORDER, UNSAFE)]
    needed = not safe or UID(decoder.UID) in _NEEDED
    return [*safe, UNSAFE] if UNSAFE in available and needed else safe
