"""`dataclass` for the shapes that scripts meet under Python 3.9, too, which knows no `slots`.

Owns that difference alone.
"""

from __future__ import annotations

import sys

if sys.version_info >= (3, 10):  # noqa: UP036 - the client's shapes are read beside the user's code
    from dataclasses import dataclass as dataclass
else:
    import dataclasses

    def dataclass(**options):
        """`dataclasses.dataclass`, without what it does not know."""
        options.pop("slots", None)
        return dataclasses.dataclass(**options)
