"""Makes the folder that offers `tuned` to trials: the contract, the SDK and the launcher, nothing else of ours.

Owns what belongs to it. The daemon calls this in its own process; everything else in this package runs from the result.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from typing import Dict

_PARTS = (
    "__init__.py",
    "protocol.py",
    "faults.py",
    "plain_files.py",
    "metrics_appender.py",
    "torch.py",
    "sdk",
    "integrations",
    "launch",
)
_SIGNS = (
    "__init__.py",
    "protocol.py",
    "sdk/__init__.py",
    "sdk/daemon_trial.py",
    "launch/__main__.py",
    "launch/child.py",
)
"""A removal of files takes one of these."""


def make_bundle(target_folder: str) -> str:
    """Copy our part of a trial's process into a folder that is named by its content.

    An upgrade of tuned makes another folder, so the code under running trials never changes. Made already, it is only
    checked, file by file, since a power cut may have emptied it.

    Args:
        target_folder: Where bundles are kept; made if missing.

    Returns:
        Absolute path of the bundle; it is what goes on `sys.path`, and holds one package, `tuned`.

    Raises:
        OSError: The folder cannot be written.
    """
    contents = _contents(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    bundle = os.path.join(os.path.abspath(target_folder), _name(contents))
    if _is_whole(bundle, contents):
        return bundle
    os.makedirs(target_folder, exist_ok=True)
    temporary = tempfile.mkdtemp(prefix=".making-", dir=target_folder)
    try:
        _write(temporary, contents)
        os.chmod(temporary, 0o755)
        if os.path.isdir(bundle):
            os.rename(bundle, os.path.join(temporary, "damaged"))
        try:
            os.rename(temporary, bundle)
        except OSError:
            if not _is_whole(bundle, contents):
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(os.path.join(bundle, "damaged"), ignore_errors=True)
    return bundle


def keep_bundle(bundle: str) -> None:
    """Make a bundle anew whose files somebody has removed; what lives goes on with what it has loaded.

    Raises:
        OSError: The folder cannot be written.
    """
    package = os.path.join(bundle, "tuned")
    if not all(os.path.exists(os.path.join(package, name)) for name in _SIGNS):
        make_bundle(os.path.dirname(bundle))


def launcher_path(bundle: str) -> str:
    """The program of a launcher, started as `[python, "-u", path]`; unbuffered, or trials lose their last words."""
    return os.path.join(bundle, "tuned", "launch", "__main__.py")


def _contents(package: str) -> Dict[str, bytes]:
    """Path within the bundle -> content."""
    found = {}
    for part in _PARTS:
        path = os.path.join(package, part)
        names = [part]
        if os.path.isdir(path):
            names = [os.path.join(part, n) for n in sorted(os.listdir(path)) if n.endswith(".py")]
        for name in names:
            with open(os.path.join(package, name), "rb") as file:
                found[os.path.join("tuned", name)] = file.read()
    return found


def _name(contents: Dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        digest.update(b"%s\0%d\0%s" % (name.encode(), len(content), content))
    return digest.hexdigest()[:16]


def _is_whole(bundle: str, contents: Dict[str, bytes]) -> bool:
    for name, content in contents.items():
        try:
            with open(os.path.join(bundle, name), "rb") as file:
                if file.read() != content:
                    return False
        except OSError:
            return False
    return True


def _write(folder: str, contents: Dict[str, bytes]) -> None:
    for name, content in contents.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as file:
            file.write(content)
