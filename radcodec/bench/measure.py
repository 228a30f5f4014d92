"""Files and restored images, measured."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

import numpy as np
from numpy.typing import NDArray

from radcodec.bench.codecs import CODECS
from radcodec.bench.codecs.base import Knob
from radcodec.bench.display import Display
from radcodec.bench.images import Source
from radcodec.bench.own import NAME, own_points
from radcodec.bench.rows import Row, RowFile
from radcodec.codec import peak_of
from radcodec.errors import OutputError, RadcodecError
from radcodec.intensity.background import find_background
from radcodec.metrics.quality import max_error, ms_ssim, psnr, ssim
from radcodec.metrics.windows import CT_WINDOWS, window_psnr
from radcodec.network.store import ModelStore

#: A codec, an image, and the settings that are still to be measured.
Task = tuple[str, Source, list[Knob]]


def measure(
    source: Source,
    stored: NDArray[np.int32],
    codec: str,
    knob: str,
    size: int,
    decoded: NDArray[np.int32],
    padding: int | None = None,
) -> Row:
    """Measure one restored image.

    Parameters
    ----------
    source : Source
        Name, modality and split.
    stored, decoded : ndarray of int32, shape (rows, columns)
        Stored values before and after.
    codec, knob : str
        What made the file.
    size : int
        Bytes of the file.
    padding : int or None
        The image's padding value, which may be that of its background.
    """
    peak = peak_of(stored)
    outside, inside = background_errors(stored, decoded, padding)
    return Row(
        image=source.name,
        modality=source.modality,
        split=source.split,
        codec=codec,
        knob=knob,
        bytes=size,
        bpp=8 * size / stored.size,
        psnr=psnr(stored, decoded, peak),
        ssim=ssim(stored, decoded, peak),
        ms_ssim=ms_ssim(stored, decoded, peak),
        max_error=int(max_error(stored, decoded)),
        windows=window_figures(stored, decoded, source.display()),
        mean_error_outside=outside,
        mean_error_inside=inside,
    )


def window_figures(
    stored: NDArray[np.int32], decoded: NDArray[np.int32], display: Display
) -> dict[str, float]:
    """PSNR in dB inside the file's own window ("display"), and for CT in `CT_WINDOWS`."""
    windows = {} if display.window is None else {"display": display.window}
    if display.unit == "HU":
        windows |= CT_WINDOWS
    before = stored * display.slope + display.intercept
    after = decoded * display.slope + display.intercept
    return {name: window_psnr(before, after, window) for name, window in windows.items()}


def background_errors(
    stored: NDArray[np.int32], decoded: NDArray[np.int32], padding: int | None = None
) -> tuple[float, float | None]:
    """Mean absolute error of a stored value outside and inside the constant background.

    Returns
    -------
    outside : float
        Over the whole image where there is no background.
    inside : float or None
        None where there is no background.
    """
    error = np.abs(stored.astype(np.int64) - decoded)
    found = find_background(stored, padding)
    if found is None or found.mask.all():
        return float(error.mean()), None
    return float(error[~found.mask].mean()), float(error[found.mask].mean())


def peer_rows(task: Task, max_pixels: int | None = None) -> Iterator[Row]:
    """Compress, decode and measure one image with one codec at each knob.

    Raises
    ------
    RadcodecError
        Where the image cannot be read, has more than `max_pixels`, or the codec fails.
    """
    name, source, knobs = task
    codec = CODECS[name]
    stored = source.read().stored
    if max_pixels is not None and stored.size > max_pixels:
        raise RadcodecError(f"{stored.size} pixels, more than {max_pixels}")
    for knob in knobs:
        try:
            data = codec.encode(stored, knob)
            decoded = codec.decode(data, codec.scaling(stored, knob))
        except (RuntimeError, ValueError) as error:  # what imagecodecs raises
            raise RadcodecError(f"failed at {knob}: {error}") from error
        if decoded.shape != stored.shape:
            raise RadcodecError(f"restored as {decoded.shape}, not {stored.shape}")
        yield measure(source, stored, name, str(knob), len(data), decoded)


def _all_rows(task: Task, max_pixels: int | None) -> tuple[list[Row], str | None]:
    """`peer_rows` for another process: the rows, and why there are no more."""
    rows: list[Row] = []
    try:
        rows.extend(peer_rows(task, max_pixels))
    except RadcodecError as error:
        return rows, str(error)
    return rows, None


def measure_peers(
    names: Sequence[str],
    sources: Sequence[Source],
    file: RowFile,
    max_pixels: int | None = None,
    jobs: int = 1,
    log: Callable[[str], None] = print,
) -> int:
    """Measure images with other codecs, one codec after the other; skip what `file` holds.

    Parameters
    ----------
    names : sequence of str
        Keys of `CODECS`.  One that cannot be used here is reported and left out.
    sources : sequence of Source
        The images.
    file : RowFile
        Gets the rows as they come; with several jobs, an image's rows at once.
    max_pixels : int or None
        Larger images are reported and left out.
    jobs : int
        Processes.
    log : callable
        Gets a line for each image and for each thing left out.

    Returns
    -------
    int
        Images that a codec failed on or that were left out.

    Raises
    ------
    OutputError
        Where `file` cannot be written.
    """
    tasks: list[Task] = []
    for name in names:
        reason = CODECS[name].available()
        if reason is not None:
            log(f"{name} left out: {reason}")
            continue
        log(f"{name}: {CODECS[name].version()}")
        for source in sources:
            knobs = [k for k in CODECS[name].KNOBS if (source.name, name, str(k)) not in file.keys]
            if knobs:
                tasks.append((name, source, knobs))
    failed = 0

    def done(task: Task, error: str | None) -> None:
        nonlocal failed
        failed += error is not None
        log(f"{task[0]} {task[1].modality} {task[1].name}" + (f": {error}" if error else ""))

    if jobs == 1:
        for task in tasks:
            error = None
            try:
                for row in peer_rows(task, max_pixels):
                    file.add(row)
            except OutputError:
                raise
            except RadcodecError as caught:
                error = str(caught)
            done(task, error)
        return failed
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(_all_rows, task, max_pixels): task for task in tasks}
        for future in as_completed(running):
            rows, error = future.result()
            for row in rows:
                file.add(row)
            done(running[future], error)
    return failed


def measure_own(
    sources: Sequence[Source],
    models: ModelStore,
    file: RowFile,
    max_pixels: int | None = None,
    codec: str = NAME,
    log: Callable[[str], None] = print,
) -> int:
    """Measure images with this package's models; skip sizes of which `file` holds rows.

    Rows do not tell which models and which encoder made them: after a change of either, take
    another file or another name.

    Parameters
    ----------
    codec : str
        Codec of the rows, to tell sets of models apart.
    sources, models, file, max_pixels, log
        As for `measure_peers`.

    Returns
    -------
    int
        Images left out.
    """
    failed = 0
    for source in sources:
        error = ""
        known = {
            knob.partition(":")[0]
            for name, of, knob in file.keys
            if (name, of) == (source.name, codec)
        }
        try:
            image = source.read()
            if max_pixels is not None and image.stored.size > max_pixels:
                raise RadcodecError(f"{image.stored.size} pixels, more than {max_pixels}")
            for knob, size, decoded in own_points(image, source.modality, models, known):
                file.add(measure(source, image.stored, codec, knob, size, decoded))
        except OutputError:
            raise
        except RadcodecError as caught:
            error = f": {caught}"
            failed += 1
        log(f"{codec} {source.modality} {source.name}{error}")
    return failed
