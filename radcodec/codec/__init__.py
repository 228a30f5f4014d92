"""The stages joined: an image to the bytes of an .rcz file, and back."""

from radcodec.codec.area import Area, View
from radcodec.codec.base import BaseEncoder, network_of
from radcodec.codec.compressing import Compressed, Summary, compress, compress_source
from radcodec.codec.decoder import decode_plane
from radcodec.codec.decompressing import Decoder, Restored, check, decompress
from radcodec.codec.encoder import Encoder
from radcodec.codec.measuring import measured, peak_of
from radcodec.codec.plans import Plan, Rules, load_rules
from radcodec.codec.prepared import Prepared, prepare

__all__ = [
    "Area",
    "BaseEncoder",
    "Compressed",
    "Decoder",
    "Encoder",
    "Plan",
    "Prepared",
    "Restored",
    "Rules",
    "Summary",
    "View",
    "check",
    "compress",
    "compress_source",
    "decode_plane",
    "decompress",
    "load_rules",
    "measured",
    "network_of",
    "peak_of",
    "prepare",
]
