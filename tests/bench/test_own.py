"""Our own points of a curve are files that can be had, with what they decode to."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("imagecodecs")

from radcodec.bench import own
from radcodec.bench.own import TARGETS, own_points
from radcodec.codec import compress, decompress
from radcodec.network.store import ModelStore, default_root
from radcodec.rate import Target
from tests.bench.samples import stored_values
from tests.codec.samples import grey


def test_points_of_a_real_image(monkeypatch: pytest.MonkeyPatch) -> None:
    if not list(default_root().glob("d?/*/manifest.json")):
        pytest.skip("there are no models")
    models = ModelStore()
    image = grey(stored_values("CT_small.dcm"), signed=True, modality="ct")
    monkeypatch.setattr(own, "TARGETS", (0.0001, 0.4, 1.0, 2.5, 1000.0))
    points = list(own_points(image, "ct", models))
    # Sizes out of reach are left out; no size is too large for a file without loss.
    assert 2 <= len(points) <= 4
    *points, (_, _, exact) = points
    np.testing.assert_array_equal(exact, image.stored)
    sizes = [size for _, size, _ in points]
    assert sizes == sorted(sizes)
    errors = [float(np.square(decoded - image.stored).mean()) for _, _, decoded in points]
    assert errors == sorted(errors, reverse=True)
    knob, size, decoded = points[-1]
    asked = float(knob.split(" bpp")[0])
    assert 8 * size / image.stored.size == pytest.approx(asked, rel=0.03)
    packed = compress(image, target=Target("bpp", asked), models=models)
    assert len(packed.data) == size
    assert ("refined" in knob) == packed.refined
    if packed.depth:
        assert f"d{packed.depth} " in knob and knob.endswith(f"level {packed.level}")
    else:
        assert "pixels " in knob
    np.testing.assert_array_equal(decompress(packed.data, models=models).stored, decoded)
    known = ("0.4 bpp", "1 bpp", "2.5 bpp", "1000 bpp")
    assert not list(own_points(image, "ct", models, known))


def test_targets_ascend() -> None:
    assert list(TARGETS) == sorted(set(TARGETS))
