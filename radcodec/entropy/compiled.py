"""The one place that knows how loops are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Compile a loop over arrays with numba, once for all runs (the result is cached on disk).

    Threads may run compiled loops side by side.  Compiled code does not check indices, so
    that whoever calls it checks shapes, and loops over foreign bytes check their own bounds.
    """
    try:
        return cast(_Function, njit(cache=True, nogil=True)(function))
    except RuntimeError:
        # numba refuses where no folder can be written: then every run compiles anew.
        return cast(_Function, njit(nogil=True)(function))


def inner(function: _Function) -> _Function:
    """Compile a function that is called for each decision, and makes no array of its own.

    numba counts who holds an array with every call that passes one on, which takes several times
    as long as a decision does.  A function that makes no array can do without.
    """
    options: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}
    try:
        return cast(_Function, njit(**options)(function))
    except RuntimeError:
        # No folder for the cache can be written.
        return compiled(function)
