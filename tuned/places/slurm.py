"""Slurm as a place: its own commands, run here or on a login node. `slurm_text` spells and reads them."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence

from tuned.core.places import Place
from tuned.places import slurm_text
from tuned.places.commands import Commands, Done
from tuned.places.interface import Job, Refused, Seen, Silent, Stage, Submission

LOG_BYTES = 4096


class Slurm:
    """One Slurm cluster, as this user sees it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.commands = Commands(place.address, place.environment)
        self._accounting = True
        self._live: Sequence[Job] = ()

    async def probe(self) -> Seen:
        """Version, nodes that take work, and their cards."""
        version = await self._ask(slurm_text.VERSION)
        return slurm_text.read_probe(version, await self._ask(slurm_text.PROBE))

    async def submit(self, submission: Submission) -> str:
        """Have it queued; the job's number."""
        done = await self.commands.run(slurm_text.submit(submission, self._place.options))
        number = slurm_text.read_number(done.output)
        if done.code == 0 and number:
            return number
        said = slurm_text.complaint_of(done.complaint) or f"sbatch ended with {done.code}"
        if slurm_text.is_refusal(done.complaint):
            hint = f"see resources and [place.{self._place.name}] options, and sinfo"
            raise Refused(said, where=f"place {self._place.name}", hint=hint)
        raise self._silent(said)

    async def list(self, wanted: Collection[str] = ()) -> Sequence[Job]:
        """All jobs of ours that `squeue` knows: those that live, and for some minutes those that ended.

        Where some that are wanted are not among them, the accounting is asked, if there is one.
        """
        jobs = slurm_text.read_jobs(await self._ask(slurm_text.LIST))
        lacking = sorted(set(wanted) - {job.name for job in jobs})
        if lacking and self._accounting:
            done = await self.commands.run(slurm_text.history(lacking))
            # One that cannot be reached now is asked again: only where there is none, it never answers.
            self._accounting = done.code == 0 or slurm_text.is_silence(done.complaint)
            jobs += slurm_text.read_jobs(done.output) if done.code == 0 else []
        self._live = [job for job in jobs if job.stage is not Stage.ENDED]
        return jobs

    async def stop(self, names: Collection[str]) -> None:
        """Remove those that wait, and tell the supervisors of those that run."""
        numbers = await self._numbers(names)
        for command in slurm_text.stop(numbers) if numbers else ():
            self._reached(await self.commands.run(command))

    async def kill(self, names: Collection[str]) -> None:
        """End them: Slurm sends SIGTERM, and SIGKILL after its `KillWait`."""
        numbers = await self._numbers(names)
        if numbers:
            self._reached(await self.commands.run(slurm_text.kill(numbers)))

    async def _numbers(self, names: Collection[str]) -> Sequence[str]:
        """The numbers of those that live, as the last look had them, or a new one where it lacks any."""
        if not set(names) <= {job.name for job in self._live}:
            await self.list()
        return [job.number for job in self._live if job.name in names]

    async def engine_log(self, name: str, log: str) -> str:  # noqa: ARG002 - its file is named by the submission
        """The end of the file that `--output` named, read where the job wrote it."""
        command = ("sh", "-c", f"tail -c {LOG_BYTES} {shlex.quote(log)} 2>/dev/null")
        return (await self.commands.run(command)).output

    async def forget(self, names: Collection[str]) -> None:
        """Slurm forgets by itself."""

    async def _ask(self, command: Sequence[str]) -> str:
        done = await self.commands.run(command)
        self._check(done)
        return done.output

    def _reached(self, done: Done) -> None:
        """Of a call for several jobs: those that have ended meanwhile make it fail, and nothing is wrong."""
        if done.code != 0 and slurm_text.is_silence(done.complaint):
            raise self._silent(slurm_text.complaint_of(done.complaint))

    def _check(self, done: Done) -> None:
        if done.code != 0:
            raise self._silent(slurm_text.complaint_of(done.complaint) or f"exit code {done.code}")

    def _silent(self, said: str) -> Silent:
        return Silent(f"Slurm does not answer: {said}", where=f"place {self._place.name}")
