"""Random numbers as a pure function of a key, so that the same seed gives the same world on every machine."""

from __future__ import annotations

import hashlib
import math
import struct
from statistics import NormalDist

_STANDARD = NormalDist()
_BLOCK = struct.Struct("<8Q")
_SCALE = 2.0**-64


class Draws:
    """A stream of numbers named by its key: two streams with equal keys are equal, whatever was drawn before."""

    __slots__ = ("_block", "_key", "_numbers")

    def __init__(self, *key: object) -> None:
        self._key = "|".join(map(str, key)).encode()
        self._block = 0
        self._numbers: list[int] = []

    def uniform(self) -> float:
        """A number in the open interval (0, 1)."""
        if not self._numbers:
            digest = hashlib.blake2b(self._key, salt=struct.pack("<QQ", self._block, 0)).digest()
            self._numbers = list(_BLOCK.unpack(digest))
            self._block += 1
        return min(max(self._numbers.pop() * _SCALE, 1e-12), 1 - 1e-12)

    def normal(self) -> float:
        """A standard normal number."""
        return _STANDARD.inv_cdf(self.uniform())

    def between(self, low: float, high: float) -> float:
        """A number spread evenly from low to high."""
        return low + (high - low) * self.uniform()

    def poisson(self, mean: float) -> int:
        """A Poisson count (Knuth's product method: small means only)."""
        floor, product, count = math.exp(-mean), self.uniform(), 0
        while product > floor:
            product *= self.uniform()
            count += 1
        return count
