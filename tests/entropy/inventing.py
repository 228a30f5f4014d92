"""Residual streams of decisions that are made up, and so of any that an encoder might write."""

from __future__ import annotations

from collections.abc import Callable

from tests.independent_entropy import ResidualDecoder


class Inventor(ResidualDecoder):
    """Stands in for a decoder: makes up the decisions that it is asked for, and codes them.

    Parameters
    ----------
    choose : callable
        Gives the decision, 0 or 1, in a context, which is a tuple that starts with the group's
        name; empty for even decisions.
    """

    def __init__(self, choose: Callable[[tuple[object, ...]], int]) -> None:
        super().__init__(b"")
        self.choose, self.low = choose, 0
        self.asked: tuple[object, ...] = ()

    def decide(self, *context: object) -> int:
        """Make up a decision in a context."""
        self.asked = context
        decision = super().decide(*context)
        self.asked = ()
        return decision

    def split(self, bound: int) -> int:
        """Make up a decision; `low` has as many digits as it takes, so that nothing is carried."""
        decision = self.choose(self.asked)
        self.low += bound if decision else 0
        self.range = self.range - bound if decision else bound
        while self.range < 1 << 24:
            self.low, self.range, self.at = self.low << 8, self.range << 8, self.at + 1
        return decision

    def end(self) -> bytes:
        """Return the stream: of all numbers that decode alike the one that ends in most zeros."""
        unit = 1 << 8 * self.at
        while (number := (self.low + self.range - 1) // unit * unit) < self.low:
            unit >>= 1
        return number.to_bytes(self.at, "big").rstrip(b"\0")
