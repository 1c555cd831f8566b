"""Imports that launchers make ahead: guessed for a new script, then learned from its first trial; and the cold studies.

Owns this small memory. It is a cache in the state folder: lost, it is learned again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from tuned import protocol
from tuned.core.program import preloading
from tuned.core.script import own_environment
from tuned.core.script.own_environment import OwnEnvironment
from tuned.core.study import Study
from tuned.disk import Disk

log = logging.getLogger(__name__)

WORTH_S = 0.05
"""A module that imports faster than this is not worth preloading."""


class Preloads:
    """Learned preload lists, by interpreter and script.

    Args:
        path: The cache file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cold: dict[int, str] = {}
        self._guesses: dict[str, tuple[str, ...]] = {}
        self._failed: dict[str, dict[str, str]] = {}
        self._own: dict[str, tuple[tuple[int, int], OwnEnvironment]] = {}
        try:
            known = json.loads(path.read_text())
        except (OSError, ValueError):
            known = {}
        # A file with other content costs a lesson, never the daemon.
        self._known: dict[str, list[str]] = (
            {key: names for key, names in known.items() if isinstance(names, list)} if isinstance(known, dict) else {}
        )

    @staticmethod
    def _key(study: Study) -> str:
        run = study.spec.run
        return f"{run.python}\n{run.script or ''}"

    def learned(self, study: Study) -> tuple[str, ...] | None:
        """The learned list, or None when no trial has taught it yet."""
        names = self._known.get(self._key(study))
        return None if names is None else tuple(n for n in names if n in protocol.FORK_SAFE_MODULES)

    def guess(self, study: Study) -> None:
        """Guess from the script's text, once, for as long as nothing is learned of it. Reads files."""
        run, key = study.spec.run, self._key(study)
        if run.script is None or run.preload is not None or key in self._guesses or key in self._known:
            return
        self._guesses[key] = preloading.guess(run.script, Disk())

    def guesses(self, study: Study) -> bool:
        """Whether what the launcher of this study imports is only guessed."""
        return bool(study.spec.run.preload is None and self.learned(study) is None and self.for_study(study))

    def drop_guess(self, study: Study) -> None:
        """The guess did harm: import nothing ahead until something is learned."""
        self._guesses[self._key(study)] = ()

    def for_study(self, study: Study) -> tuple[str, ...]:
        """The imports of this study's launcher now."""
        run, key = study.spec.run, self._key(study)
        if run.kind == "command" or run.start == "cold":
            return ()
        names = self.learned(study) if run.preload is None else run.preload
        if names is None:
            names = self._guesses.get(key, ())
        return tuple(name for name in names if name not in self._failed.get(key, ()))

    def drop(self, study: Study, failed: Mapping[str, str]) -> None:
        """These cannot be imported ahead, and why: trials import them themselves, in a launcher that did not try."""
        self._failed.setdefault(self._key(study), {}).update(failed)

    def environment(self, study: Study) -> OwnEnvironment:
        """The variables that the script sets before the modules imported ahead. Reads files that have changed."""
        script, key = study.spec.run.script or "", self._key(study)
        try:
            info = Path(script).stat()
        except OSError:
            return OwnEnvironment()
        stamp = (info.st_mtime_ns, info.st_size)
        if key not in self._own or self._own[key][0] != stamp:
            self._own[key] = stamp, own_environment.read(script, Disk(), protocol.FORK_SAFE_MODULES)
        return self._own[key][1]

    def note(self, study: Study) -> str:
        """Reasons for cold starts and imports left out, for people; empty where there is none."""
        if study.spec.run.kind == "command" or study.spec.run.start == "cold":
            return ""
        key, said = self._key(study), []
        if study.id in self._cold:
            said.append(f"trials start cold: {self._cold[study.id]}")
        said += [f"{name} cannot be imported ahead: {why}" for name, why in self._failed.get(key, {}).items()]
        if key in self._own and self._own[key][1].unknown and self.for_study(study):
            said.append(f"nothing is imported ahead: {self._own[key][1].unknown}")
        return "; ".join(said)

    def learn(self, study: Study, run_dir: Path) -> bool:
        """Take the lesson of a finished attempt, if it wrote one.

        Returns:
            Whether something was learned.
        """
        if study.spec.run.preload is not None or self.learned(study) is not None:
            return False
        try:
            record = protocol.read_record(str(run_dir), protocol.MODULES_FILE)
        except protocol.RecordError as error:
            log.warning("%s", error)
            return False
        if record is None:
            return False
        seconds = record.get("seconds", {})
        barred = protocol.BRING_OTHERS if record.get("unsafe") else frozenset()
        names = [n for n in protocol.FORK_SAFE_MODULES if n not in barred and float(seconds.get(n, 0.0)) >= WORTH_S]
        guessed = self._guesses.get(self._key(study), ())
        if set(names) <= set(guessed):
            names = list(guessed)  # what has all of it runs already; another launcher would import it once more
        self._known[self._key(study)] = names
        try:
            self._path.write_text(json.dumps(self._known))
        except OSError as error:
            log.warning("the learned preload is not kept: %s", error)
        return True

    def run_cold(self, study_id: int, why: str) -> None:
        """Fork nothing for this study any more."""
        self._cold[study_id] = why

    def runs_cold(self, study: Study) -> bool:
        """Whether warm starts have failed for this study."""
        return study.id in self._cold
