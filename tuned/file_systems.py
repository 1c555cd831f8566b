"""The kind of file system under a path, and which kinds lie on a network. Standard library only, for every layer."""

from __future__ import annotations

import os
import re
from pathlib import Path

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "afs", "ncpfs", "fuse.glusterfs", "lustre", "ceph", "beegfs"}
)
"""On these SQLite's locks and shared memory cannot be relied on."""
MEMORY = frozenset({"tmpfs", "ramfs"})
"""A restart of the machine empties these."""


def file_system(path: Path, mounts: str) -> str:
    """The kind of file system that a path is on; empty when it cannot be told.

    Args:
        path: It need not exist.
        mounts: The content of `/proc/mounts`.
    """
    real, found, depth = Path(os.path.realpath(path)), "", -1
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))
        # The later of two mounts on one folder hides the earlier.
        if real.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = fields[2], len(point.parts)
    return found
