"""When a trial counts as resumed: only when an earlier attempt has saved something."""

from __future__ import annotations

from tuned.daemon.files.run_dirs import checkpoint_dir, has_checkpoint


def test_only_a_checkpoint_folder_with_something_in_it_counts(tmp_path):
    assert not has_checkpoint(tmp_path, "digits", 7)
    folder = checkpoint_dir(tmp_path, "digits", 7)
    folder.mkdir(parents=True)
    assert not has_checkpoint(tmp_path, "digits", 7)
    (folder / "last.pt").touch()
    assert has_checkpoint(tmp_path, "digits", 7)
    assert not has_checkpoint(tmp_path, "digits", 8)
