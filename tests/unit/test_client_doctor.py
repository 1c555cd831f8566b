"""What `tunectl doctor` makes of a machine, on machines that are made up here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tuned.client.doctor import graphics, session, state_folder
from tuned.client.finding import Finding
from tuned.home import home_at
from tuned.nvidia import Card, Look, Sample

GIB = 2**30


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level for finding in findings]


def text(findings: list[Finding]) -> str:
    return "\n".join(f"{f.level} {f.what} ({f.hint})" for f in findings)


@pytest.fixture
def processes(tmp_path: Path) -> Path:
    folder = tmp_path / "proc"
    folder.mkdir()
    return folder


def process(processes: Path, pid: int, *words: str) -> None:
    (processes / str(pid)).mkdir()
    (processes / str(pid) / "cmdline").write_bytes("\0".join((*words, "")).encode())


def test_a_network_home_names_a_local_place(tmp_path: Path, processes: Path) -> None:
    home = home_at(tmp_path / "state", "default")
    mounts = f"/dev/sda / ext4 rw 0 0\nserver:/home {tmp_path} nfs4 rw 0 0\n"
    found = list(state_folder.examine(home, {"USER": "ada"}, mounts, processes))
    (bad,) = [finding for finding in found if finding.level == "fail"]
    assert "is on a network file system (nfs4)" in bad.what
    assert bad.hint.startswith(("export TUNED_HOME=/", "set TUNED_HOME"))
    local = list(state_folder.examine(home, {}, f"x {tmp_path} nfs rw\ny {tmp_path}/state ext4 rw\n", processes))
    assert "fail" not in levels(local)
    assert "is in memory (tmpfs)" in text(list(state_folder.examine(home, {}, f"x {tmp_path} tmpfs rw\n", processes)))


def test_a_second_daemon_is_named_with_its_folder(tmp_path: Path, processes: Path) -> None:
    home = home_at(tmp_path / "state", "default")
    process(processes, 10, "/usr/bin/python", "-I", "-m", "tuned.daemon", "run", "--home", str(home.root))
    process(processes, 11, "/usr/bin/python", "-I", "-m", "tuned.daemon", "run", "--home", "/an other", "--slots", "2")
    process(processes, 12, "vim", "tuned.daemon")
    found = list(state_folder.examine(home, {}, "", processes))
    assert "ok its daemon runs: pid 10" in text(found)
    (second,) = [finding for finding in found if "second daemon" in finding.what]
    assert "/an other (pid 11), and gives its trials the same GPUs and cores" in second.what
    assert second.hint == "TUNED_HOME='/an other' tunectl daemon stop"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to somebody else")
def test_of_another_user_s_folder_nothing_else_is_said(tmp_path: Path, processes: Path) -> None:
    (tmp_path / "state").mkdir()
    os.chown(tmp_path / "state", 1, 1)
    (found,) = state_folder.examine(home_at(tmp_path / "state", "default"), {}, "", processes)
    assert (found.level, found.what) == ("fail", f"state folder {tmp_path}/state (default): belongs to another user")
    assert found.hint.startswith("run it as its owner: sudo -u daemon tunectl")


def card(sample: Sample | None) -> Card:
    return Card("GPU-a", 0, 0, "H100", 80 * GIB, sample, "" if sample else "GPU is lost")


@pytest.mark.parametrize(
    ("driver", "loaded", "expected"),
    [
        (Look(trouble="Driver/library version mismatch"), True, ["fail"]),
        (Look(), False, ["ok"]),
        (Look(trouble="Driver Not Loaded"), False, ["warn", "ok"]),
        (Look("570.1", (card(Sample(0)),)), True, ["ok"]),
        (Look("570.1", (card(Sample(0)), card(Sample(9 * GIB)))), True, ["ok", "warn"]),
        (Look("570.1", (card(None),)), True, ["ok", "fail"]),
    ],
)
def test_the_driver(driver: Look, loaded: bool, expected: list[str]) -> None:
    assert levels(list(graphics.judge_driver(driver, loaded))) == expected


TORCH = {"python": "3.12.1", "torch": "2.9", "cuda": "12.8", "count": 1, "available": True,
         "archs": ["sm_80", "sm_90", "compute_90"], "needs": ["sm_90"]}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "gpus", "level", "says"),
    [
        ({"missing": "No module named 'torch'"}, 1, "warn", "has no torch"),
        ({"broken": "ImportError: libcudart.so"}, 1, "fail", "libcudart.so"),
        ({**TORCH, "cuda": None, "available": False, "count": 0}, 1, "fail", "built for the CPU alone"),
        ({**TORCH, "cuda": None, "available": False, "count": 0}, 0, "ok", "torch 2.9"),
        ({**TORCH, "available": False, "count": 1, "needs": [], "archs": []}, 1, "fail", "sees 1 of 1"),
        ({**TORCH, "count": 1}, 2, "fail", "sees 1 of 2 GPUs"),
        (TORCH, 1, "ok", "sees 1 GPU"),
        ({**TORCH, "needs": ["sm_86"]}, 1, "ok", "sees 1 GPU"),
        ({**TORCH, "needs": ["sm_120"]}, 1, "ok", "sees 1 GPU"),
        ({**TORCH, "needs": ["sm_70"]}, 1, "fail", "has no code for sm_70"),
        ({**TORCH, "needs": ["sm_120"], "archs": ["sm_80"]}, 1, "fail", "has no code for sm_120"),
    ],
)
def test_torch_beside_the_driver(said: dict[str, object], gpus: int, level: str, says: str) -> None:
    (finding,) = graphics.judge_torch(said, "/env/bin/python", "the nearest .venv", gpus)
    assert (finding.level, says in finding.what) == (level, True), finding
    assert level == "ok" or finding.hint


def test_an_interpreter_that_does_not_run(tmp_path: Path) -> None:
    assert "broken" in graphics.ask_torch(str(tmp_path / "python"))
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\n")
    silent.chmod(0o755)
    assert "broken" in graphics.ask_torch(str(silent))


def linger(root: Path, *, systemd: bool = True, on: bool = False, unit: bool = False, kills: str = "") -> Finding:
    if systemd:
        (root / "run/systemd/system").mkdir(parents=True)
    if on:
        (root / "var/lib/systemd/linger").mkdir(parents=True)
        (root / "var/lib/systemd/linger/ada").touch()
    if unit:
        (root / "config/systemd/user").mkdir(parents=True)
        (root / "config/systemd/user/tuned-hpo.service").touch()
    if kills:
        (root / "etc/systemd/logind.conf.d").mkdir(parents=True)
        (root / "etc/systemd/logind.conf").write_text(f"[Login]\n#KillUserProcesses=no\nKillUserProcesses={kills}\n")
    environ = {"USER": "ada", "XDG_CONFIG_HOME": str(root / "config"), "PATH": ""}
    return next(iter(session.examine(environ, root)))


@pytest.mark.parametrize(
    ("machine", "level", "says"),
    [
        ({"systemd": False}, "ok", "no systemd here"),
        ({"on": True, "kills": "yes"}, "ok", "lingering is on"),
        ({}, "warn", "lingering is off"),
        ({"unit": True}, "fail", "tuned-hpo.service is installed, but ends at logout"),
        ({"kills": "yes"}, "fail", "KillUserProcesses=yes"),
        ({"kills": "no"}, "warn", "lingering is off"),
    ],
)
def test_lingering(tmp_path: Path, machine: dict[str, bool], level: str, says: str) -> None:
    finding = linger(tmp_path, **machine)
    assert (finding.level, says in finding.what) == (level, True), finding
    assert level == "ok" or finding.hint == "loginctl enable-linger ada"


def test_no_inotify_instance_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Libc:
        @staticmethod
        def inotify_init1(_: int) -> int:
            return -1

    said = "warn no inotify instance is left: the daemon sees what trials write up to 5 s late"
    assert said not in text(list(session.examine({"PATH": ""}, tmp_path)))
    monkeypatch.setattr(session, "_LIBC", Libc)
    assert said in text(list(session.examine({"PATH": ""}, tmp_path)))
