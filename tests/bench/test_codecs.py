"""Every other codec on small real images."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

pytest.importorskip("imagecodecs")
pytest.importorskip("scipy")

from radcodec.bench.bdrate import bd_rate
from radcodec.bench.codecs import CODECS
from radcodec.bench.codecs.base import Codec, Knob, Scaling
from radcodec.bench.codecs.library import decode_picture, run
from radcodec.bench.codecs.match import Matcher
from radcodec.codec import peak_of
from radcodec.errors import RadcodecError
from radcodec.metrics.quality import psnr
from tests.bench.samples import stored_values

CT = stored_values("CT_small.dcm") - 1024
MR = stored_values("MR_small.dcm")


@pytest.fixture(params=list(CODECS.values()), ids=list(CODECS))
def codec(request: pytest.FixtureRequest) -> Codec:
    """Each codec that can be used here."""
    found: Codec = request.param
    reason = found.available()
    if reason is not None:
        pytest.skip(reason)
    return found


def _variants(codec: Codec) -> list[list[Knob]]:
    names = dict.fromkeys(knob.variant for knob in codec.KNOBS)
    return [[knob for knob in codec.KNOBS if knob.variant == name] for name in names]


def test_names_are_the_keys() -> None:
    assert [codec.NAME for codec in CODECS.values()] == list(CODECS)


def test_knobs_differ_and_say_so(codec: Codec) -> None:
    assert len({str(knob) for knob in codec.KNOBS}) == len(codec.KNOBS)
    if codec.WHOLE:
        assert all(knob.value == int(knob.value) for knob in codec.KNOBS)
    assert any(character.isdigit() for character in codec.version())


def test_knobs_go_from_coarse_to_fine(codec: Codec) -> None:
    for knobs in _variants(codec):
        sizes = [len(codec.encode(CT, knob)) for knob in knobs]
        assert sizes == sorted(sizes)
        assert sizes[-1] > 2 * sizes[0]


def test_finest_knob_is_close_and_coarsest_is_small(codec: Codec) -> None:
    # The smallest files of JPEG and JPEG-LS are not below 0.1 bits per pixel of a CT slice.
    reached = []
    for image in (CT, MR):
        coarse, fine = codec.KNOBS[0], codec.KNOBS[-1]
        restored = codec.decode(codec.encode(image, fine), codec.scaling(image, fine))
        assert restored.dtype == np.int32
        assert psnr(image, restored, peak_of(image)) > 50
        restored = codec.decode(codec.encode(image, coarse), codec.scaling(image, coarse))
        assert restored.min() >= image.min() and restored.max() <= image.max()
        reached.append(psnr(image, restored, peak_of(image)))
    assert max(reached) < 36


@pytest.mark.parametrize("shape", [(61, 83), (17, 9), (1, 1), (128, 31)])
def test_odd_sizes(codec: Codec, shape: tuple[int, int]) -> None:
    image = np.resize(CT[5:, 3:], shape) if shape == (1, 1) else CT[: shape[0], : shape[1]]
    knob = codec.KNOBS[-1]
    restored = codec.decode(codec.encode(image, knob), codec.scaling(image, knob))
    assert restored.shape == shape
    assert psnr(image, restored, peak_of(image)) > 45


def test_lossless_jpeg_ls_is_exact() -> None:
    codec = CODECS["jpegls"]
    restored = codec.decode(codec.encode(CT, Knob(0)), codec.scaling(CT, Knob(0)))
    assert np.array_equal(restored, CT)
    near = codec.decode(codec.encode(CT, Knob(6)), codec.scaling(CT, Knob(6)))
    assert np.abs(near - CT).max() == 6


def test_eight_bits_limit_baseline_jpeg_only() -> None:
    best = {}
    for name in ("jpeg", "jpeg12"):
        codec = CODECS[name]
        knob = codec.KNOBS[-1]
        restored = codec.decode(codec.encode(CT, knob), codec.scaling(CT, knob))
        best[name] = psnr(CT, restored, peak_of(CT))
    # Rounding to 256 steps alone costs 20 log10(255 * sqrt(12)) = 58.9 dB.
    assert best["jpeg"] < 58.9 < best["jpeg12"]


@pytest.mark.parametrize("name", ["hevc", "av1"])
def test_video_codecs_beat_jpeg_2000(name: str) -> None:
    reason = CODECS[name].available()
    if reason is not None:
        pytest.skip(reason)
    curves: list[list[tuple[float, float]]] = []
    for codec in (CODECS["jpeg2000"], CODECS[name]):
        curve: list[tuple[float, float]] = []
        for knob in codec.KNOBS:
            data = codec.encode(CT, knob)
            restored = codec.decode(data, codec.scaling(CT, knob))
            curve.append((len(data), psnr(CT, restored, peak_of(CT))))
        curves.append(curve)
    difference = bd_rate(curves[0], curves[1])
    assert difference is not None and difference < -0.1


@given(
    st.lists(st.integers(-32768, 65535), min_size=1, max_size=40),
    st.sampled_from([None, 255, 4095, 65535]),
)
def test_scaling_round_trip(values: list[int], top: int | None) -> None:
    stored = np.array([values], np.int32)
    stored = stored.clip(stored.min(), stored.min() + 65535)
    scaling = Scaling.of(stored, top)
    samples = scaling.samples(stored)
    assert int(samples.min()) >= 0 and int(samples.max()) <= scaling.top < 2**scaling.bits
    back = scaling.stored(samples)
    step = scaling.span / scaling.top
    assert np.abs(back - stored).max() <= max(0, (step + 1) / 2 if top else 0)
    if scaling.span <= scaling.top:
        assert np.array_equal(back, stored)


def test_samples_beyond_the_range_are_clipped() -> None:
    scaling = Scaling.of(np.array([[-1000, 3000]], np.int32))
    assert scaling.bits == 12
    assert list(scaling.stored(np.array([-3, 0, 4000, 4095]))) == [-1000, -1000, 3000, 3000]


@pytest.mark.parametrize("name", ["hevc", "av1"])
def test_missing_program_is_a_reason(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    reason = CODECS[name].available()
    assert reason is not None and "apt-get install" in reason


def test_failing_program_is_named() -> None:
    with pytest.raises(RadcodecError, match="false failed"):
        run(["false"])


@pytest.mark.parametrize("decoder", ["hevc", "libdav1d"])
def test_damaged_streams_are_refused(decoder: str) -> None:
    pytest.importorskip("av")
    with pytest.raises(RadcodecError, match=decoder):
        decode_picture(decoder, b"\x00\x00\x00\x01 no video")


@pytest.mark.parametrize("name", ["jpegxl", "htj2k", "jpeg2000"])
@pytest.mark.parametrize("size", [900, 2500])
def test_match_hits_a_size(name: str, size: int) -> None:
    point = Matcher(CODECS[name], CT).match(size)
    assert abs(point.size / size - 1) <= 0.02
    data = CODECS[name].encode(CT, point.knob)
    assert len(data) == point.size
    scaling = CODECS[name].scaling(CT, point.knob)
    assert np.array_equal(CODECS[name].decode(data, scaling), point.decoded)


def test_match_takes_the_better_variant() -> None:
    codec = CODECS["jpegxl"]
    size = 2500
    chosen = Matcher(codec, CT).match(size, tolerance=0.02)
    for knobs in _variants(codec):
        for knob in knobs:
            data = codec.encode(CT, knob)
            if len(data) <= 0.98 * size:
                restored = codec.decode(data, codec.scaling(CT, knob))
                assert psnr(CT, restored, peak_of(CT)) < psnr(CT, chosen.decoded, peak_of(CT))


def test_match_of_whole_knobs_is_the_nearest() -> None:
    codec = CODECS["jpeg"]
    point = Matcher(codec, CT).match(2000, tolerance=1e-6)
    sizes = {q: len(codec.encode(CT, Knob(q))) for q in range(1, 101)}
    assert abs(np.log(point.size / 2000)) == min(abs(np.log(s / 2000)) for s in sizes.values())


@pytest.mark.parametrize(("size", "end"), [(1, 0), (10**7, -1)])
def test_match_out_of_reach_is_the_end_of_the_range(size: int, end: int) -> None:
    codec = CODECS["htj2k"]
    assert Matcher(codec, CT).match(size).knob == codec.KNOBS[end]


def test_matching_makes_each_file_once() -> None:
    made: list[Knob] = []
    codec = CODECS["jpeg2000"]

    def encode(stored: NDArray[np.int32], knob: Knob) -> bytes:
        made.append(knob)
        return codec.encode(stored, knob)

    matcher = Matcher(codec, CT, encode)
    points = [matcher.match(size) for size in (900, 2500, 2600, 900)]
    assert len(made) == len(set(made))
    assert points[0] == points[3] and points[1].psnr < points[2].psnr


def test_scaling_has_no_room_for_pixels() -> None:
    with pytest.raises(ValueError, match="32 bits"):
        Scaling(int.from_bytes(CT.tobytes()), 1, 1, 1, 1)
