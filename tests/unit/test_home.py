"""Where the state folder lies, and that nobody else can get between us and the socket."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import pytest

from tuned.core.errors import InvalidInput, Unavailable
from tuned.home import LONGEST_SOCKET, check_private, check_socket_folder, home_at, prepare_home, resolve_home


def test_tuned_home_wins(tmp_path: Path) -> None:
    config = tmp_path / "config" / "tuned-hpo"
    config.mkdir(parents=True)
    (config / "config.toml").write_text('home = "/data/elsewhere"')
    env = {"TUNED_HOME": "/data/here", "XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": "/home/me"}
    assert resolve_home(env).root == Path("/data/here")
    assert resolve_home(env | {"TUNED_HOME": ""}).root == Path("/data/elsewhere")
    (config / "config.toml").write_text("# nothing named")
    assert resolve_home(env | {"TUNED_HOME": ""}).root == Path("/home/me/.local/state/tuned-hpo")


def test_relative_homes_start_here_and_relative_xdg_folders_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_home({"TUNED_HOME": ".demo"}).root == tmp_path / ".demo"
    assert resolve_home({"HOME": "/home/me", "XDG_STATE_HOME": "state"}).root == Path("/home/me/.local/state/tuned-hpo")
    assert resolve_home({"HOME": "/home/me", "XDG_STATE_HOME": "/s"}).root == Path("/s/tuned-hpo")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("home = 3", "must be an absolute path"),
        ('home = "x"', "must be an absolute path"),
        ('home = "/x\\u0000"', "must be an absolute path"),
        ('home = "~no-such-user/x"', "nobody's home is known for ~no-such-user/x"),
        ("home = ", "is not TOML"),
        ('hom = "/x"', "hom: is not a known key"),
    ],
)
def test_a_bad_config_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    config = tmp_path / "tuned-hpo"
    config.mkdir()
    (config / "config.toml").write_text(text)
    with pytest.raises(InvalidInput, match=says) as caught:
        resolve_home({"HOME": "/home/me", "XDG_CONFIG_HOME": str(tmp_path)})
    assert "config.toml" in str(caught.value)


def test_inside_a_trial_it_is_the_home_of_the_trial_s_daemon() -> None:
    inside = {
        "HOME": "/home/me",
        "TUNED_ATTEMPT": "a1",
        "TUNED_RUN_DIR": "/data/mine/runs/s/3/1",
        "TUNED_DEVICE": "cpu:0",
    }
    found = resolve_home(inside)
    assert (found.root, found.why) == (Path("/data/mine"), "TUNED_RUN_DIR")
    assert resolve_home(inside | {"TUNED_HOME": "/data/other"}).root == Path("/data/other"), "who names one means it"
    assert resolve_home({k: v for k, v in inside.items() if k != "TUNED_ATTEMPT"}).root != Path("/data/mine")
    assert resolve_home(inside | {"TUNED_RUN_DIR": "/elsewhere"}).why == "default"


def test_a_trial_in_a_place_reaches_no_daemon() -> None:
    """The one at the node's default home, if any, is another's."""
    inside = {
        "HOME": "/home/me",
        "TUNED_ATTEMPT": "a1",
        "TUNED_RUN_DIR": "/shared/s/3/1",
        "TUNED_DEVICE": "place:lab/2",
    }
    with pytest.raises(Unavailable, match="place lab: its daemon is on another machine"):
        resolve_home(inside)


def test_a_home_folder_that_nobody_has() -> None:
    with pytest.raises(InvalidInput, match=r"^TUNED_HOME: nobody's home is known"):
        resolve_home({"TUNED_HOME": "~no-such-user/x"})


def test_a_socket_path_too_long_moves_and_says_so() -> None:
    root = Path("/data") / ("x" * 120)
    home = home_at(root, "test")
    assert len(str(home.socket).encode()) <= LONGEST_SOCKET
    assert not home.socket.is_relative_to(root)
    assert str(home.socket) in home.socket_note
    assert home_at(root, "test").socket == home.socket
    assert home_at(root / "y", "test").socket != home.socket
    assert home_at(Path("/data/short"), "test").socket_note == ""


def test_folders_are_made_private(tmp_path: Path) -> None:
    root = tmp_path / "a" / "home"
    root.mkdir(parents=True, mode=0o755)
    home = home_at(root, "test")
    prepare_home(home)
    for folder in (home.root, home.runs, home.log.parent, home.bundles, home.launchers):
        assert folder.is_dir()
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700
    prepare_home(home)


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Unavailable, match="TUNED_HOME"):
            prepare_home(home_at(root, "test"))


def test_root_is_told_whose_folder_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = tmp_path.stat()
    owner = pwd.getpwuid(1)
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr(Path, "lstat", lambda _: os.stat_result((found.st_mode, 0, 0, 0, owner.pw_uid, 0, 0, 0, 0, 0)))
    with pytest.raises(Unavailable) as refused:
        check_private(tmp_path)
    assert f"sudo -u {owner.pw_name} tunectl" in refused.value.hint


def test_a_folder_of_another_user_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = home_at(tmp_path, "test")
    check_socket_folder(home)
    monkeypatch.setattr("os.getuid", lambda: 12345)
    with pytest.raises(Unavailable, match="belongs to another user"):
        check_private(tmp_path)
    with pytest.raises(Unavailable, match="belongs to another user"):
        check_socket_folder(home)


def test_a_link_in_a_folder_of_everybody_is_refused(tmp_path: Path) -> None:
    link = Path(f"/tmp/tuned-test-link-{tmp_path.name}")
    link.symlink_to(tmp_path)
    try:
        with pytest.raises(Unavailable, match="is a link"):
            check_private(link)
    finally:
        link.unlink()
    inner = tmp_path / "link"
    inner.symlink_to(tmp_path)
    check_private(inner)
