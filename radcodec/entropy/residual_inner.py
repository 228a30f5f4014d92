"""How the innermost functions of residual loops are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

from radcodec.entropy.compiled import compiled

_Function = TypeVar("_Function", bound=Callable[..., Any])


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
