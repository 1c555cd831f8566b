"""Numbers in [0, 1) that depend on (seed, index, dimension) alone: a scrambled Sobol sequence, and hashed noise.

Owns the arithmetic. The same arguments give the same number in every process, on every machine, in every version:
studies are continued from their seed and an index, never from a generator's state.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b

BITS = 32
_SCALE = float(1 << BITS)

# Primitive polynomials (leading and trailing terms included) and initial direction numbers of Joe and Kuo (2008).
_INITIAL: tuple[tuple[int, tuple[int, ...]], ...] = (
    (1, (1,)), (3, (1,)), (7, (1, 3)), (11, (1, 3, 1)), (13, (1, 1, 1)), (19, (1, 1, 3, 3)), (25, (1, 3, 5, 13)),
    (37, (1, 1, 5, 5, 17)), (41, (1, 1, 5, 5, 5)), (47, (1, 1, 7, 11, 19)), (55, (1, 1, 5, 1, 1)),
    (59, (1, 1, 1, 3, 11)), (61, (1, 3, 5, 5, 31)), (67, (1, 3, 3, 9, 7, 49)), (91, (1, 1, 1, 15, 21, 21)),
    (97, (1, 3, 1, 13, 27, 49)), (103, (1, 1, 1, 15, 7, 5)), (109, (1, 3, 1, 15, 13, 25)), (115, (1, 1, 5, 5, 19, 61)),
    (131, (1, 3, 7, 11, 23, 15, 103)), (137, (1, 3, 7, 13, 13, 15, 69)), (143, (1, 1, 3, 13, 7, 35, 63)),
    (145, (1, 3, 5, 9, 1, 25, 53)), (157, (1, 3, 1, 13, 9, 35, 107)), (167, (1, 3, 1, 5, 27, 61, 31)),
    (171, (1, 1, 5, 11, 19, 41, 61)), (185, (1, 3, 5, 3, 3, 13, 69)), (191, (1, 1, 7, 13, 1, 19, 1)),
    (193, (1, 3, 7, 5, 13, 19, 59)), (203, (1, 1, 3, 9, 25, 29, 41)), (211, (1, 3, 5, 13, 23, 1, 55)),
    (213, (1, 3, 7, 3, 13, 59, 17)),
)  # fmt: skip

DIMENSIONS = len(_INITIAL)
"""Dimensions of the Sobol sequence; further ones are hashed noise."""


def quasi_random(seed: int, index: int, dimension: int) -> float:
    """Coordinate `dimension` of point `index` (both from 0) of the Sobol sequence scrambled by `seed`.

    The scrambling is Owen's: it keeps the sequence's evenness and makes every coordinate uniform by itself.
    """
    if dimension >= DIMENSIONS:
        return noise(seed, index, f"dimension {dimension}")
    return _scramble(_sobol(index, dimension), seed, dimension) / _SCALE


def noise(seed: int, index: int, label: str) -> float:
    """A uniform number of its own for each (seed, index, label)."""
    return (_hash(f"{label}|{seed}|{index}") >> 11) / 2**53


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _sobol(index: int, dimension: int) -> int:
    directions, x = _directions(dimension), 0
    for bit in range(BITS):
        if index >> bit & 1:
            x ^= directions[bit]
    return x


@cache
def _directions(dimension: int) -> tuple[int, ...]:
    polynomial, initial = _INITIAL[dimension]
    degree = polynomial.bit_length() - 1
    if degree == 0:
        return tuple(1 << (BITS - 1 - k) for k in range(BITS))
    numbers = [m << (BITS - 1 - k) for k, m in enumerate(initial)]
    for k in range(degree, BITS):
        number = numbers[k - degree] ^ numbers[k - degree] >> degree
        for j in range(1, degree):
            if polynomial >> (degree - j) & 1:
                number ^= numbers[k - j]
        numbers.append(number)
    return tuple(numbers)


def _scramble(x: int, seed: int, dimension: int) -> int:
    # Each bit is flipped or not by a hash of the bits before it, which is the definition of nested scrambling.
    scrambled = 0
    for bit in range(BITS):
        prefix = x >> (BITS - bit)
        flip = _hash(f"{seed}|{dimension}|{bit}|{prefix}") & 1
        scrambled = scrambled << 1 | (x >> (BITS - 1 - bit) & 1) ^ flip
    return scrambled
