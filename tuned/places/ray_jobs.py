"""Ray as a place: its Jobs API over HTTP. `ray_json` spells and reads it; the package `ray` is not needed here.

Owns two differences to other engines. Ray's stop signals the trial as well as its supervisor, in the middle of a save:
what runs is left to its `stop.json`. And what waits cannot be removed: it counts as ended once it was told, as it will
be ended in the moment in which it begins.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import replace

from tuned.core.places import Place
from tuned.places import ray_json
from tuned.places.http import Reply, Requests
from tuned.places.interface import Job, Refused, Seen, Silent, Stage, Submission, Why

_LOG_CHARACTERS = 4096
_DROPPED = "it was told to end before it began"
_UNKNOWN = 404


class RayJobs:
    """The jobs of one Ray cluster."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.requests = Requests(place.address, place.token, place.ca)
        self._last: dict[str, Job] = {}
        self._dropped: set[str] = set()

    async def probe(self) -> Seen:
        """Version, nodes and cards.

        Raises:
            Refused: Its head is on a network, and asks nobody for a token.
        """
        version = await self._get(ray_json.VERSION)
        await self._refuse_open_head()
        try:
            return ray_json.read_probe(version, await self._get(ray_json.NODES))
        except ValueError as error:
            raise self._silent(f"its answer cannot be read: {error}") from error

    async def _refuse_open_head(self) -> None:
        if _is_loopback(self.requests.host):
            return
        reply = await self.requests.ask("GET", ray_json.JOBS, known=False)
        if reply.status == 200:
            hint = f"start Ray with RAY_AUTH_MODE=token, and name the token's file: [place.{self._place.name}] token"
            said = f"its head asks for no token: whoever reaches {self._place.address} runs programs there"
            raise Refused(said, where=f"place {self._place.name}", hint=hint)

    async def submit(self, submission: Submission) -> str:
        """Have it queued; a head that has it already has it once."""
        reply = await self.requests.ask("POST", ray_json.JOBS, ray_json.submission(submission, self._place.fields))
        if reply.status == 200 or ray_json.is_taken(reply.status, reply.text):
            return submission.name
        self._check_token(reply)
        said = ray_json.complaint_of(reply.text) or f"status {reply.status}"
        if ray_json.is_refusal(reply.status, reply.text):
            hint = f"see resources and [place.{self._place.name}] options"
            raise Refused(said, where=f"place {self._place.name}", hint=hint)
        raise self._silent(said)

    async def list(self, wanted: Collection[str] = ()) -> Sequence[Job]:  # noqa: ARG002 - Ray has no further history
        """All jobs of ours, in one request."""
        try:
            jobs = ray_json.read_jobs(await self._get(ray_json.JOBS))
        except ValueError as error:
            raise self._silent(f"its answer cannot be read: {error}") from error
        self._last = {job.name: job for job in jobs}
        self._dropped &= {job.name for job in jobs if job.stage is Stage.WAITING}
        return [self._as_told(job) for job in jobs]

    def _as_told(self, job: Job) -> Job:
        if job.name not in self._dropped:
            return job
        return replace(job, stage=Stage.ENDED, why=Why.CANCELLED, reason=_DROPPED)

    async def stop(self, names: Collection[str]) -> None:
        """Tell those that wait. Supervisors of those that run look at their `stop.json` by themselves."""
        if not set(names) <= self._last.keys():
            await self.list()
        for name in names:
            job = self._last.get(name)
            if job is not None and job.stage is Stage.WAITING:
                await self._end(name)
                self._dropped.add(name)

    async def kill(self, names: Collection[str]) -> None:
        """End them: Ray sends SIGTERM to all of their processes, and SIGKILL after the wait that each was given."""
        for name in names:
            await self._end(name)

    async def _end(self, name: str) -> None:
        reply = await self.requests.ask("POST", ray_json.of(name, "stop"))
        if reply.status != _UNKNOWN:
            self._check(reply)

    async def engine_log(self, name: str, log: str) -> str:  # noqa: ARG002 - Ray keeps it itself
        """The end of what Ray kept of its output; empty where its node, or the job, is gone."""
        reply = await self.requests.ask("GET", ray_json.of(name, "logs"))
        return ray_json.read_logs(reply.text)[-_LOG_CHARACTERS:] if reply.status == 200 else ""

    async def forget(self, names: Collection[str]) -> None:
        """Have them leave Ray's list, which grows for ever otherwise."""
        for name in names:
            await self.requests.ask("DELETE", ray_json.of(name))

    async def _get(self, target: str) -> str:
        reply = await self.requests.ask("GET", target)
        self._check(reply)
        return reply.text

    def _check(self, reply: Reply) -> None:
        self._check_token(reply)
        if reply.status != 200:
            raise self._silent(ray_json.complaint_of(reply.text) or f"status {reply.status}")

    def _check_token(self, reply: Reply) -> None:
        if reply.status in (401, 403):
            hint = f"name the file with its token: [place.{self._place.name}] token"
            said = "the token is refused" if self._place.token else "its head asks for a token"
            raise Silent(f"Ray does not answer: {said}", where=f"place {self._place.name}", hint=hint)

    def _silent(self, said: str) -> Silent:
        return Silent(f"Ray does not answer: {said}", where=f"place {self._place.name}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
