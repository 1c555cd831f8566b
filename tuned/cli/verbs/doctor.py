"""`doctor`: what will go wrong on this machine, found before it does."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from tuned.cli.exits import Failed
from tuned.cli.findings import failed, tell
from tuned.cli.session import Session, verb
from tuned.client.finding import Finding
from tuned.core.errors import TunedError


@verb()
def doctor(session: Session) -> None:
    """Look at the driver, at torch, the disk, the state folder and the login; each with its remedy. Starts nothing."""
    from tuned.client.doctor import graphics, state_folder
    from tuned.client.doctor import session as login

    findings: list[Finding] = []
    try:
        mounts = Path("/proc/mounts").read_text(errors="replace")
    except OSError:
        mounts = ""
    findings += login.effective_user(os.environ)
    try:
        findings += state_folder.examine(session.home, os.environ, mounts)
    except TunedError as error:
        findings.append(Finding("fail", str(error)))
    try:
        python, why = _interpreter()
        findings += graphics.examine(python, why)
    except TunedError as error:
        findings += graphics.judge_driver(graphics.ask_driver(), Path("/proc/driver/nvidia/version").exists())
        findings.append(Finding("warn", str(error)))
    findings += login.examine(os.environ)
    findings += _places(session)
    line = failed(findings)
    session.emit({"ok": not line, "findings": [asdict(f) for f in findings]}, lambda: tell(findings))
    if line:
        raise Failed(line)


def _places(session: Session) -> list[Finding]:
    """Places are asked by the daemon that uses them; without one, nothing is started for it."""
    from tuned.client import api
    from tuned.client.doctor import places
    from tuned.client.problems import NoDaemon
    from tuned.home import settings

    try:
        if not settings(os.environ, "place"):
            return []
        return list(places.judge(session.client.send(api.probe_places())))
    except NoDaemon:
        return [Finding("warn", "places are asked by the daemon, and none runs", "tunectl daemon start")]
    except TunedError as error:
        return [Finding("fail", str(error))]


def _interpreter() -> tuple[str, str]:
    """The Python that trials of a study file in this folder would run under."""
    from tuned.core.program.interpreter import choose_interpreter
    from tuned.disk import Disk
    from tuned.installation import own_prefix

    return choose_interpreter(None, base=str(Path.cwd()), environment=os.environ, files=Disk(), own_prefix=own_prefix())
