"""`radcodec doctor`: is this installation sound, and does it decode exactly?"""

from __future__ import annotations

import os
import platform
from importlib import metadata

import click

from radcodec.cli.options import loudness_options, verbosity
from radcodec.errors import ModelError, ModelMismatchError

#: Packages whose versions matter to what is decoded or read.
PACKAGES = (
    "radcodec",
    "openvino",
    "numpy",
    "numba",
    "pydicom",
    "pylibjpeg",
    "pylibjpeg-openjpeg",
    "pylibjpeg-rle",
    "pyjpegls",
    "pillow",
    "dahuffman",
    "click",
    "rich",
)


def package_version(name: str) -> str:
    """Version of an installed package, or "not installed"."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


@click.command()
@loudness_options
def doctor() -> None:
    """Check this installation: versions, CPU, models, and their known-answer tests.

    Fails with exit code 6 where a model is missing, damaged, or does not decode a small
    image to the very pixels that it should.
    """
    from radcodec.network.store import ModelStore

    loud = verbosity() >= 0
    if loud:
        click.echo(f"Python {platform.python_version()} on {platform.platform()}")
        for name in PACKAGES:
            click.echo(f"  {name} {package_version(name)}")
        click.echo(f"CPU: {_cpu()}, {os.cpu_count()} threads")
    store = ModelStore()
    if loud:
        click.echo(f"models: {store.root}")
    failed = []
    for name, good, message in store.self_test():
        if loud or not good:
            click.echo(f"  {'ok  ' if good else 'FAIL'} {name}: {message}", err=not good)
        if not good:
            failed.append(name)
    if failed:
        raise ModelMismatchError(
            f"{len(failed)} of the models failed ({', '.join(failed)}); reinstall radcodec"
        )
    if not store.decompressors() or not store.compressors():
        raise ModelError(f"{store.root} lacks compressors or decompressors; reinstall radcodec")
    if loud:
        click.echo("all is well")


def _cpu() -> str:
    """Name of the processor as OpenVINO knows it."""
    import openvino as ov

    try:
        return str(ov.Core().get_property("CPU", "FULL_DEVICE_NAME"))
    except RuntimeError:
        return platform.processor() or platform.machine()
