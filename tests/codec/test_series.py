"""Sources of frames and samples: round trips, bounds, targets, what surrounds the pixels."""

from __future__ import annotations

import hashlib
import io
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from radcodec.codec import Decoder, Summary, compress_source, peak_of, sampling
from radcodec.codec import series as series_module
from radcodec.codec.lossless import within_bound
from radcodec.container import DIGEST_LENGTH, RczReader
from radcodec.errors import InputError, UsageError, VerificationError
from radcodec.metrics.quality import psnr
from radcodec.network.store import ModelStore
from radcodec.rate import TOLERANCE, Target
from radcodec.reading.dicom import DicomSource
from radcodec.reading.image import Frame, ImageSource
from tests.codec.samples import Frames, scene
from tests.reading.samples import real

USUAL = Target("usual", 0)
#: Photometric interpretation, samples and name in the header.
COLOURS = [
    ("MONOCHROME2", 1, "grey"),
    ("MONOCHROME1", 1, "grey"),
    ("PALETTE COLOR", 1, "palette"),
    ("RGB", 3, "rgb"),
    ("YBR_FULL", 3, "ybr"),
]


def packed(
    source: ImageSource,
    models: ModelStore,
    target: Target = USUAL,
    max_error: int | None = None,
    *,
    verify: bool = True,
) -> tuple[bytes, Summary]:
    """Compress a source."""
    out = io.BytesIO()
    summary = compress_source(
        source, out, target=target, max_error=max_error, verify=verify, models=models
    )
    assert summary.size == len(out.getvalue())
    return out.getvalue(), summary


def decoded(data: bytes, models: ModelStore) -> NDArray[np.int32]:
    """Decode all frames, checked against what was recorded."""
    return np.stack([one.planes for one in Decoder(io.BytesIO(data), models=models).frames()])


@pytest.mark.parametrize(("photometric", "samples", "colour"), COLOURS)
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize(
    "target", [Target("quality", 40), Target("ratio", 12), Target("level", 90)]
)
def test_round_trip(
    models: ModelStore, photometric: str, samples: int, colour: str, frames: int, target: Target
) -> None:
    planes = scene(frames, samples, 90, 110)
    data, summary = packed(Frames(planes, 8, photometric), models, target)
    back = decoded(data, models)
    assert back.shape == planes.shape
    assert summary.max_error == np.abs(back - planes).max()
    assert summary.psnr is not None
    if summary.max_error:
        assert summary.psnr == pytest.approx(psnr(planes, back, peak_of(planes)))
    else:
        assert summary.psnr == math.inf
    reader = RczReader(io.BytesIO(data))
    header, quality = reader.header, reader.quality
    assert (header.colour, header.frames, header.samples) == (colour, frames, samples)
    assert header.inverted == (photometric == "MONOCHROME1")
    assert header.transform == ("ycocg-r" if colour == "rgb" else "none")
    assert quality is not None and quality.max_error == summary.max_error
    assert quality.sha256 == hashlib.sha256(back.astype("<i4").tobytes()).digest()[:DIGEST_LENGTH]
    assert summary.ratio == planes.size / len(data)
    assert summary.bpp == 8 * len(data) / (frames * 90 * 110)
    if colour == "palette":
        # Indices mean nothing in between.
        assert np.array_equal(back, planes) and header.max_error == 0
    else:
        assert summary.coding == "networks" or summary.max_error == 0 or target.kind != "level"


@pytest.mark.parametrize(("photometric", "samples", "colour"), COLOURS)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossless_is_the_source(
    models: ModelStore, photometric: str, samples: int, colour: str, bits: int
) -> None:
    planes = scene(2, samples, 65, 70, bits)
    data, summary = packed(Frames(planes, bits, photometric), models, max_error=0)
    assert np.array_equal(decoded(data, models), planes)
    assert (summary.max_error, summary.psnr) == (0, math.inf)
    header = RczReader(io.BytesIO(data)).header
    assert header.max_error == 0
    # A transform needs a bit more than 16 are for.
    assert header.transform == ("ycocg-r" if colour == "rgb" and bits < 16 else "none")
    assert header.plane_bits(0)[0] == bits


@pytest.mark.parametrize(
    "planes",
    [
        np.zeros((1, 1, 1, 1)),
        np.full((2, 3, 5, 7), 255),
        np.arange(256).reshape(1, 1, 16, 16),
        np.arange(256 * 3).reshape(1, 3, 16, 16) // 3,
        np.random.default_rng(0).integers(0, 256, (2, 3, 40, 41)),
        np.random.default_rng(1).integers(0, 2, (1, 1, 50, 33)) * 255,
    ],
)
@pytest.mark.parametrize("bound", [0, 1, 5])
def test_bounds_are_kept_on_extremes(
    models: ModelStore, planes: NDArray[np.integer], bound: int
) -> None:
    photometric = "RGB" if planes.shape[1] == 3 else "MONOCHROME2"
    data, _ = packed(Frames(planes, 8, photometric), models, max_error=bound)
    assert np.abs(decoded(data, models) - planes).max() <= bound


@pytest.mark.parametrize("bound", [0, 1, 5])
@pytest.mark.parametrize(("photometric", "samples"), [("MONOCHROME2", 1), ("RGB", 3)])
@pytest.mark.parametrize("signed", [False, True])
def test_bounds_are_kept_and_recorded(
    models: ModelStore, bound: int, photometric: str, samples: int, signed: bool
) -> None:
    planes = scene(2, samples, 70, 80, 12) - (2048 if signed else 0)
    source = Frames(planes, 12, photometric, signed=signed)
    data, summary = packed(source, models, max_error=bound)
    largest = np.abs(decoded(data, models) - planes).max()
    # Noise is there to be dropped, so that a bound is reached too.
    assert largest == bound == summary.max_error
    reader = RczReader(io.BytesIO(data))
    assert reader.header.max_error == bound
    assert reader.quality is not None and reader.quality.max_error == bound
    # A bound of samples cannot be told of their differences.
    transformed = samples == 3 and bound == 0 and not signed
    assert reader.header.transform == ("ycocg-r" if transformed else "none")


def test_a_larger_bound_takes_fewer_bytes(models: ModelStore) -> None:
    for photometric, samples in (("MONOCHROME2", 1), ("RGB", 3)):
        source = Frames(scene(1, samples, 90, 90, 12), 12, photometric)
        sizes = [packed(source, models, max_error=bound)[1].size for bound in (0, 1, 5, 20, 80)]
        assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == len(sizes)


@pytest.mark.parametrize(("spread", "bound"), [(0, 0), (40, 1)])
def test_colour_takes_no_more_bytes_within_a_bound_than_without_loss(
    models: ModelStore, spread: int, bound: int
) -> None:
    """Nearly grey pictures in RGB gain more by the transform of colours than by a bound."""
    grey = scene(1, 1, 90, 90, 8)
    noise = np.random.default_rng(5).integers(-spread, spread + 1, (1, 3, 90, 90))
    source = Frames(np.clip(grey + noise, 0, 255), 8, "RGB")
    exact, within = (packed(source, models, max_error=error) for error in (0, 1))
    assert within[1].size <= exact[1].size
    assert within[1].max_error == RczReader(io.BytesIO(within[0])).header.max_error == bound


def test_a_bound_that_is_not_kept_is_told(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    exactly = within_bound

    def loose(image: object, bound: int, *others: object) -> object:
        return exactly(image, bound + 4, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(series_module, "within_bound", loose)
    for verify in (True, False):
        with pytest.raises(VerificationError, match="more than the bound of 1"):
            packed(Frames(scene(1, 1, 60, 60, 12), 12), models, max_error=1, verify=verify)


def test_bits_above_the_stored_ones_come_back(models: ModelStore) -> None:
    planes = scene(3, 1, 60, 70, 12)
    unused = np.zeros((3, 60, 70), np.uint16)
    unused[0, 10:20, 5:50] |= 1 << 12
    unused[0, 15:40, 30:60] |= 1 << 15
    unused[2, 59, 69] |= 1 << 14
    for target, bound in ((USUAL, 0), (Target("quality", 30), None)):
        data, _ = packed(Frames(planes, 12, unused=unused), models, target, bound)
        decoder = Decoder(io.BytesIO(data), models=models)
        for wanted, frame in zip(unused, decoder.frames(), strict=True):
            if wanted.any():
                assert frame.unused is not None and np.array_equal(frame.unused, wanted)
            else:
                assert frame.unused is None


def test_frames_are_decoded_in_any_order(models: ModelStore) -> None:
    planes = scene(5, 1, 64, 50)
    data, _ = packed(Frames(planes), models, Target("quality", 30))
    whole = decoded(data, models)
    decoder = Decoder(io.BytesIO(data), models=models, check=False)
    for index in (4, 0, 2, 2, 1, 3):
        assert np.array_equal(decoder.frame(index).planes, whole[index])


@pytest.mark.parametrize(("frames", "ratio"), [(2, 8.0), (2, 50.0), (8, 20.0)])
def test_a_series_meets_its_size(models: ModelStore, frames: int, ratio: float) -> None:
    planes = scene(frames, 1, 130, 120, 12)
    source = Frames(planes, 12, modality="ct")
    data, summary = packed(source, models, Target("ratio", ratio))
    assert summary.ratio == pytest.approx(ratio, rel=TOLERANCE)
    assert 2 * planes.size / len(data) == pytest.approx(ratio, rel=TOLERANCE)
    bpp = 16 / ratio
    _, summary = packed(source, models, Target("bpp", bpp))
    assert summary.bpp == pytest.approx(bpp, rel=TOLERANCE)


def test_a_series_of_unlike_frames_meets_its_size(models: ModelStore) -> None:
    """Frames that a search does not look at are corrected for."""
    planes = scene(12, 1, 120, 110, 12)
    random = np.random.default_rng(3)
    for index in range(0, 12, 3):
        planes[index] = np.clip(planes[index] + random.normal(0, 300, (1, 120, 110)), 0, 4095)
    _, summary = packed(Frames(planes, 12), models, Target("ratio", 15))
    assert summary.ratio == pytest.approx(15, rel=TOLERANCE)


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_colour_meets_its_size(models: ModelStore, photometric: str) -> None:
    planes = scene(1, 3, 160, 150)
    for ratio in (12.0, 30.0):
        _, summary = packed(Frames(planes, 8, photometric), models, Target("ratio", ratio))
        assert summary.ratio == pytest.approx(ratio, rel=TOLERANCE)


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("wanted", [34.0, 40.0])
def test_psnr_of_colour_is_reached(
    models: ModelStore, photometric: str, frames: int, wanted: float
) -> None:
    planes = scene(frames, 3, 90, 100)
    data, summary = packed(Frames(planes, 8, photometric), models, Target("psnr", wanted))
    assert summary.psnr is not None
    assert wanted <= summary.psnr < wanted + 1.5
    assert psnr(planes, decoded(data, models), peak_of(planes)) >= wanted


def test_a_psnr_that_colour_does_not_reach_is_exact(models: ModelStore) -> None:
    planes = scene(1, 3, 40, 50)
    _, summary = packed(Frames(planes, 8, "RGB"), models, Target("psnr", 120))
    assert summary.psnr == math.inf


def test_psnr_of_a_series_is_reached(models: ModelStore) -> None:
    planes = scene(3, 1, 90, 100)
    _, summary = packed(Frames(planes), models, Target("psnr", 36))
    assert summary.psnr is not None and 36 <= summary.psnr < 38


def test_what_is_exact_in_fewer_bytes_than_asked_is_exact(models: ModelStore) -> None:
    planes = np.zeros((3, 3, 80, 80), int)
    planes[:, :, 20:60, 30:50] = 200
    data, summary = packed(Frames(planes, 8, "RGB"), models, Target("ratio", 10))
    assert np.array_equal(decoded(data, models), planes)
    assert summary.ratio > 10 and summary.psnr == math.inf


def test_a_ratio_out_of_reach_of_a_series_names_the_range(models: ModelStore) -> None:
    with pytest.raises(UsageError, match="out of reach for the file: the models reach a ratio of"):
        packed(Frames(scene(3, 1, 60, 60)), models, Target("ratio", 1e5))


def test_without_verification_nothing_is_measured(models: ModelStore) -> None:
    data, summary = packed(Frames(scene(2, 3, 40, 40), 8, "RGB"), models, verify=False)
    assert summary.psnr is summary.max_error is None
    assert RczReader(io.BytesIO(data)).quality is None
    assert decoded(data, models).shape == (2, 3, 40, 40)


def test_a_frame_that_cannot_be_read_is_told(models: ModelStore) -> None:
    class Broken(Frames):
        def frame(self, index: int) -> Frame:
            if index == 1:
                raise InputError("frame 2 cannot be read")
            return super().frame(index)

    with pytest.raises(InputError, match="frame 2"):
        packed(Broken(scene(3, 1, 40, 40)), models, max_error=0)


@pytest.mark.parametrize(
    "name",
    [
        "examples_rgb_color.dcm",
        "examples_ybr_color.dcm",
        "examples_palette.dcm",
        "MR-SIEMENS-DICOM-WithOverlays.dcm",
        "emri_small.dcm",
    ],
)
def test_real_files_are_kept_exactly(models: ModelStore, name: str) -> None:
    with DicomSource(io.BytesIO(real(name)), name) as source:
        frames = [source.frame(n) for n in range(source.layout.frames)]
        data, _ = packed(source, models, max_error=0)
        dataset = source.dataset
    decoder = Decoder(io.BytesIO(data), models=models)
    for frame, back in zip(frames, decoder.frames(), strict=True):
        assert np.array_equal(back.planes, frame.planes)
        if frame.unused is None:
            assert back.unused is None
        else:
            assert back.unused is not None and np.array_equal(frame.unused, back.unused)
    assert decoder.reader.dataset == dataset


def test_parts_of_large_colour_frames_are_sampled(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory for a search does not grow with the frame, and the size is met all the same."""
    monkeypatch.setattr(sampling, "SAMPLED_PIXELS", 3 * 80 * 80)
    monkeypatch.setattr(sampling, "RUN", 20)
    planes = scene(1, 3, 160, 150)
    planes[:, :, :50] //= 16
    _, summary = packed(Frames(planes, 8, "RGB"), models, Target("ratio", 20))
    assert summary.ratio == pytest.approx(20, rel=TOLERANCE)
    assert summary.psnr is not None and summary.psnr < math.inf


def test_what_seemed_small_enough_without_loss_may_not_be(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "SAMPLED_PIXELS", 3 * 40 * 40)
    planes = scene(1, 3, 160, 150)
    planes[:, :, 60:100, 30:70] = 7
    exact = packed(Frames(planes, 8, "RGB"), models, max_error=0)[1].ratio
    data, summary = packed(Frames(planes, 8, "RGB"), models, Target("ratio", 1.2 * exact))
    assert summary.ratio > exact and summary.psnr != math.inf
    assert RczReader(io.BytesIO(data)).header.max_error is None


@pytest.mark.parametrize(
    ("length", "kept", "first", "last"),
    [(9, 9, 0, 8), (1000, 128, 436, 563), (1000, 256, 186, 813)],
)
def test_places_are_spread_in_runs(length: int, kept: int, first: int, last: int) -> None:
    places = sampling.spread(length, kept)
    assert places.size == kept and (np.diff(places) > 0).all()
    assert (places[0], places[-1]) == (first, last)
    assert (np.diff(places) == 1).sum() >= kept - 1 - kept // 128


def test_exact_files_say_so_without_verification(models: ModelStore) -> None:
    source = Frames(scene(1, 1, 90, 90) // 64, 8)
    data, _ = packed(source, models, Target("ratio", 1.2), verify=False)
    assert RczReader(io.BytesIO(data)).header.max_error == 0


def test_a_bound_beyond_the_range_is_the_range(models: ModelStore) -> None:
    source = Frames(scene(1, 1, 30, 30), 8)
    data, _ = packed(source, models, max_error=1000)
    assert RczReader(io.BytesIO(data)).header.max_error == 255
