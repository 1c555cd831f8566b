"""Requests to Ray's Jobs API as plain data, and its answers as facts. Pure.

Owns the spelling of both (Ray 2.60).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from tuned.core.text import one_line
from tuned.places.interface import PREFIX, Job, Seen, Stage, Submission, Why

JOBS = "/api/jobs/"
VERSION = "/api/version"
NODES = "/api/v0/nodes?limit=10000"

_STAGES = {"PENDING": Stage.WAITING, "RUNNING": Stage.RUNNING}
_ENDED = {"SUCCEEDED": Why.DONE, "STOPPED": Why.CANCELLED}
NOT_BEGUN = "NOT_BEGUN"
"""Our word for a job that Ray has given up because it waited for too long (for 900 s, if its head does not say)."""
_NO_START = "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"
_LOST = frozenset(
    {
        "JOB_SUPERVISOR_ACTOR_DIED",
        "JOB_SUPERVISOR_ACTOR_UNKNOWN_FAILURE",
        "JOB_SUPERVISOR_ACTOR_START_FAILURE",
    }
)
_MEMORY = ("running low on memory", "OutOfMemory", "memory usage threshold")
_PENDING = "Job has not started yet. It may be "
_CAUSE = "The actor died because"
_LONGEST = 200
_REFUSED = frozenset({400, 405, 413, 422})


def of(name: str, what: str = "") -> str:
    """The target of requests about one submission; `what`: `stop` or `logs`."""
    return JOBS + quote(name, safe="") + (f"/{what}" if what else "")


def submission(asked: Submission, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The body that submits it.

    The shell replaces itself by the command, which so leads the session and the group that Ray kills. Without a core,
    Ray would start it on the head, and any number of them.
    """
    return {
        "entrypoint": f"exec {shlex.join(asked.command)}",
        "submission_id": asked.name,
        "entrypoint_num_cpus": asked.cpus or 1,
        **({"entrypoint_num_gpus": asked.gpus} if asked.gpus else {}),
        "runtime_env": {"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(asked.lead)}},
        **fields,
    }


def is_taken(status: int, text: str) -> bool:
    """Whether the head refused a submission because it has it."""
    return status >= 400 and "already exists" in text


def is_refusal(status: int, text: str) -> bool:
    """Whether the same submission would be refused again. The head passes on what a node's agent has refused as 500."""
    return status in _REFUSED or "status code 400" in text


def complaint_of(text: str) -> str:
    """The line of a traceback that says most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = next((line for line in reversed(lines) if "Error: " in line), lines[-1] if lines else "")
    return one_line(found.partition("Error: ")[2] or found, _LONGEST)


def read_jobs(text: str) -> list[Job]:
    """Our jobs in the answer to `JOBS`, oldest first; those of others are left out.

    Raises:
        ValueError: It is no such answer.
    """
    entries = json.loads(text)
    if not isinstance(entries, list):
        raise ValueError("it is no list")
    ours = [one for one in entries if isinstance(one, dict) and str(one.get("submission_id")).startswith(PREFIX)]
    return [_job(one) for one in sorted(ours, key=lambda one: one.get("start_time") or 0)]


def _job(entry: Mapping[str, Any]) -> Job:
    name, status = str(entry["submission_id"]), str(entry.get("status"))
    error, message = str(entry.get("error_type") or ""), str(entry.get("message") or "")
    node = urlsplit(str(entry.get("driver_agent_http_address") or "")).hostname or ""
    stage = _STAGES.get(status, Stage.ENDED)
    if stage is Stage.WAITING:
        return Job(name, name, stage, status, one_line(message.removeprefix(_PENDING).partition(".")[0], _LONGEST))
    if stage is Stage.RUNNING:
        return Job(name, name, stage, status, "", node)
    if status != "FAILED":
        return Job(name, name, stage, status, "", node, _ENDED.get(status, Why.FAILED))
    code = entry.get("driver_exit_code")
    said = f"exit code {code}" if code is not None else _gist(message)
    word = NOT_BEGUN if error == _NO_START else status
    return Job(name, name, stage, word, said, node, _why(error, message))


def _why(error: str, message: str) -> Why:
    if error == _NO_START:
        return Why.LIMIT
    if any(sign in message for sign in _MEMORY):
        return Why.MEMORY
    return Why.NODE if error in _LOST else Why.FAILED


def _gist(message: str) -> str:
    """The line that names the cause, in Ray's message on a lost job, which begins with Ray's own internals."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return one_line(next((line for line in lines if line.startswith(_CAUSE)), lines[0] if lines else ""), _LONGEST)


def read_logs(text: str) -> str:
    """The text in the answer to `logs`; empty where there is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return ""
    return str(found.get("logs") or "") if isinstance(found, dict) else ""


def read_probe(version: str, nodes: str) -> Seen:
    """Version, living nodes and their cards, of the answers to `VERSION` and `NODES`.

    Raises:
        ValueError: These are no such answers.
    """
    said = json.loads(version)
    try:
        listed = json.loads(nodes)["data"]["result"]["result"]
        living = [one for one in listed if one["state"] == "ALIVE"]
        kinds = sorted({kind for one in living for kind in _cards(one.get("resources_total") or {})})
        return Seen(f"ray {said['ray_version']}", len(living), tuple(kinds))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{error} is missing") from error


def _cards(total: Mapping[str, Any]) -> Iterator[str]:
    """`gpu:2`, or `gpu:A100:2` where the node says which."""
    count = int(total.get("GPU") or 0)
    named = [key.removeprefix("accelerator_type:") for key in total if key.startswith("accelerator_type:")]
    if count:
        yield ":".join(["gpu", *named, str(count)])
