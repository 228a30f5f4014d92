"""Decoding with a plugin that may end the process: in one beside this."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

#: Seconds that a frame may take; large ones take a few.
TIMEOUT = 300.0


class IsolatedError(Exception):
    """The frame does not decode, or the other process ended over it."""


class _Worker:
    """The other process; started when first used, and again after it has ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def ask(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        """Return the answer to a request and the bytes that come with it."""
        with self._lock:
            process = self._running()
            timer = threading.Timer(TIMEOUT, process.kill)
            timer.start()
            try:
                return self._exchange(process, request, data)
            except (OSError, ValueError) as error:
                self._end()
                raise IsolatedError("the decoder ended without an answer") from error
            except BaseException:
                # Whatever stopped the exchange half-way, the next must not get its answer.
                self._end()
                raise
            finally:
                timer.cancel()

    def _exchange(
        self, process: subprocess.Popen[bytes], request: dict[str, Any], data: bytes
    ) -> tuple[dict[str, Any], bytes]:
        requests, answers = _pipes(process)
        requests.write(json.dumps({**request, "length": len(data)}).encode() + b"\n" + data)
        requests.flush()
        answer: dict[str, Any] = json.loads(answers.readline())
        words = answers.read(answer["length"])
        if len(words) < answer["length"]:
            raise ValueError("the answer is cut short")
        return answer, words

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            script = Path(__file__).with_name("isolated_child.py")
            # -P keeps the script's folder from hiding modules of the same names.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in _pipes(process):
                try:
                    pipe.close()
                except OSError:
                    continue

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None and process.stdout is not None
    return process.stdin, process.stdout


_WORKER = _Worker()
atexit.register(_WORKER.close)


def decode_apart(
    data: bytes, syntax: str, plugin: str, options: dict[str, Any]
) -> tuple[NDArray[np.integer], str]:
    """Decode a frame with a plugin of pydicom in the other process.

    Parameters
    ----------
    data : bytes
        The codestream.
    syntax, plugin : str
        Transfer syntax, and the plugin's name.
    options : dict
        For `pydicom.pixels.decoders.base.Decoder.as_array`.

    Returns
    -------
    ndarray and str
        Words, and their photometric interpretation.

    Raises
    ------
    IsolatedError
        It does not decode, or the process ended or took too long.
    """
    request = {"syntax": syntax, "plugin": plugin, "options": options}
    answer, words = _WORKER.ask(request, data)
    if "error" in answer:
        raise IsolatedError(answer["error"])
    # A copy, as what the caller gets may be written to.
    array = np.frombuffer(words, np.dtype(answer["dtype"])).reshape(answer["shape"]).copy()
    return array, str(answer["photometric"])
