"""Pickles what is defined in __main__, and looks at its types."""

import dataclasses
import enum
import pickle
import sys
import typing


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: int
    colour: Colour = Colour.RED


def double(x):
    return 2 * x


point = pickle.loads(pickle.dumps(Point(3)))
print(point, type(point) is Point, pickle.loads(pickle.dumps(double))(4), Colour.RED)
print(typing.get_type_hints(Point), Point.__annotations__, Point.__module__, sys.modules["__main__"].Point is Point)
