"""Other codecs, one a module, all of the shape `base.Codec`."""

from __future__ import annotations

from radcodec.bench.codecs import av1, hevc, htj2k, jpeg, jpeg12, jpeg2000, jpegls, jpegxl
from radcodec.bench.codecs.base import Codec

_MODULES: tuple[Codec, ...] = (jpeg2000, jpeg, jpegxl, jpeg12, jpegls, htj2k, hevc, av1)
#: All codecs by name, in the order of tables.
CODECS: dict[str, Codec] = {codec.NAME: codec for codec in _MODULES}
