# -*- coding: latin-1 -*-
"""Its source is not UTF-8."""

name = "été"


def typed(x: int) -> str:
    return str(x)


print(name.encode("utf-8"), typed.__annotations__)
