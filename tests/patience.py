"""How long a test waits for something before it fails: long, for a machine that others use as well.

Owns this one length. A wait ends as soon as there is what it waits for, so that its length costs nothing.
"""

from __future__ import annotations

DEADLINE_S = 600.0
