"""`dataclass` with `slots`, and `StrEnum`: scripts meet shapes and states under Python 3.9, too, which knows neither.

Owns that difference alone.
"""

from __future__ import annotations

import sys

if sys.version_info >= (3, 11):  # noqa: UP036 - the client's shapes are read beside the user's code
    from enum import StrEnum as StrEnum
else:
    from enum import Enum

    class StrEnum(str, Enum):  # noqa: UP042
        """Members that are text, and read as it."""

        __str__ = str.__str__
        __format__ = str.__format__


if sys.version_info >= (3, 10):  # noqa: UP036
    from dataclasses import dataclass as dataclass
else:
    import dataclasses

    def dataclass(**options):
        """`dataclasses.dataclass`, without what it does not know."""
        options.pop("slots", None)
        return dataclasses.dataclass(**options)
