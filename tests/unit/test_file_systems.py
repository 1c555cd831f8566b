"""The state folder's doctor and the database refuse the same file systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.problems import refuse_network
from tuned.client.doctor.state_folder import examine
from tuned.core.errors import Unavailable
from tuned.file_systems import NETWORK, file_system
from tuned.home import home_at


@pytest.mark.parametrize("kind", sorted(NETWORK))
def test_doctor_and_database_agree(kind: str, tmp_path: Path) -> None:
    mounts = f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path} {kind} rw 0 0\n"
    assert file_system(tmp_path / "tuned.db", mounts) == kind
    home = home_at(tmp_path, "TUNED_HOME")
    levels = {finding.what: finding.level for finding in examine(home, {}, mounts, tmp_path)}
    assert any(level == "fail" and kind in what for what, level in levels.items())
    with pytest.raises(Unavailable, match="network file system"):
        refuse_network(tmp_path / "tuned.db", mounts)
