"""Slurm's commands as argument lists, and what they print as facts. Pure.

Owns the spelling of both. Fields are asked for one by one (`-o`), as JSON differs from release to release.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from tuned.places.interface import PREFIX, Job, Seen, Stage, Submission, Why

_WAITING = frozenset(
    {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
)
_ENDED = {
    "COMPLETED": Why.DONE,
    "FAILED": Why.FAILED,
    "CANCELLED": Why.CANCELLED,
    "REVOKED": Why.CANCELLED,
    "TIMEOUT": Why.LIMIT,
    "DEADLINE": Why.LIMIT,
    "PREEMPTED": Why.LIMIT,
    "NODE_FAIL": Why.NODE,
    "BOOT_FAIL": Why.NODE,
    "OUT_OF_MEMORY": Why.MEMORY,
}
_NO_REASON = frozenset({"None", "(null)", ""})

_REFUSALS = re.compile(
    r"Batch job submission failed: (?!Unable to contact|Socket timed out|Zero Bytes|Transport|Connection|Slurm backup|"
    r"Resource temporarily|Communication|Job violates accounting|Unspecified)|"
    r"unrecognized option|invalid option|[Ii]nvalid (?:generic|argument|time|partition|account|qos|feature|--)|"
    r"[Uu]nable to (?:open|read) file"
)
"""Of what `sbatch` complains: what would be the same at the next try. Limits of an account are not: they pass."""

_SILENCE = re.compile(
    r"Unable to contact|[Tt]imed out|connect failure|Zero Bytes|Connection refused|Transport|authentication"
)

LIST = ("squeue", "--noheader", "--states=all", "--me", "--format=%i|%T|%r|%N|%j")
PROBE = ("sinfo", "--noheader", "--format=%D|%t|%G")
VERSION = ("sinfo", "--version")


def submit(submission: Submission, options: Sequence[str]) -> tuple[str, ...]:
    """The command that submits it. The options of the place's table come last, and so prevail.

    The batch script is one `exec`: the process that Slurm signals is the command itself.
    """
    return (
        "sbatch",
        "--parsable",
        "--no-requeue",
        "--export=NONE",
        "--open-mode=append",
        f"--job-name={submission.name}",
        f"--output={escaped(submission.log)}",
        f"--signal=B:TERM@{submission.lead}",
        *([f"--cpus-per-task={submission.cpus}"] if submission.cpus else []),
        *([f"--gres=gpu:{submission.gpus}"] if submission.gpus else []),
        *options,
        f"--wrap=exec {shlex.join(submission.command)}",
    )


def escaped(path: str) -> str:
    """A path in which Slurm replaces nothing."""
    return path.replace("%", "%%")


def history(names: Sequence[str]) -> tuple[str, ...]:
    """The command that asks the accounting for jobs of the last weeks that `squeue` has forgotten."""
    return (
        "sacct", "--noheader", "--parsable2", "--allocations", "--starttime=now-30days",
        f"--name={','.join(names)}", "--format=JobIDRaw,State,Reason,NodeList,JobName",
    )  # fmt: skip


def stop(numbers: Sequence[str]) -> list[tuple[str, ...]]:
    """The commands that remove what waits and tell what runs, by the jobs' numbers (of names, Slurm takes one a call).

    Waiting jobs come first: one that begins between the two questions is in the second answer. Without `--batch` the
    trial would get the signal as well, in the middle of its save.
    """
    return [
        ("scancel", "--state=PENDING", *numbers),
        ("scancel", "--state=RUNNING", "--signal=TERM", "--batch", *numbers),
    ]


def kill(numbers: Sequence[str]) -> tuple[str, ...]:
    """The command that ends them."""
    return ("scancel", *numbers)


def read_jobs(text: str) -> list[Job]:
    """Our jobs in the output of `LIST` or `history`, oldest first; lines of others, and of no form, are left out."""
    jobs = []
    for line in text.splitlines():
        fields = line.strip().split("|")
        if len(fields) == 5 and fields[4].startswith(PREFIX):
            jobs.append(_job(*fields))
    return sorted(jobs, key=lambda job: (len(job.number), job.number))


def _job(number: str, state: str, reason: str, node: str, name: str) -> Job:
    word = state.split(" ")[0].rstrip("+")  # sacct: `CANCELLED by 1000`
    why = _ENDED.get(word)
    stage = Stage.ENDED if why else Stage.WAITING if word in _WAITING else Stage.RUNNING
    said = "" if reason in _NO_REASON else reason
    return Job(name, number, stage, word, said, "" if node in _NO_REASON else node, why)


def read_number(text: str) -> str:
    """The job's number that `sbatch --parsable` printed, which a cluster's name may follow; empty when it did not."""
    last = text.strip().splitlines()[-1] if text.strip() else ""
    number = last.split(";")[0]
    return number if number.isdigit() else ""


def is_refusal(complaint: str) -> bool:
    """Whether the same submission would be refused again."""
    return _REFUSALS.search(complaint) is not None


def is_silence(complaint: str) -> bool:
    """Whether the engine was not reached. Any other complaint of `scancel` is about a job in another state by now."""
    return _SILENCE.search(complaint) is not None


def complaint_of(text: str) -> str:
    """The line of an error output that says most, without the program's own name."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = next((line for line in reversed(lines) if "rror" in line or "ailed" in line), lines[-1] if lines else "")
    return re.sub(r"^(?:s\w+: )?(?:error: |fatal: )?", "", found)


def read_probe(version: str, text: str) -> Seen:
    """Version and nodes, of the outputs of `VERSION` and `PROBE`."""
    nodes = 0
    kinds: set[str] = set()
    for line in text.splitlines():
        count, _, rest = line.strip().partition("|")
        state, _, gres = rest.partition("|")
        if count.isdigit() and _takes_work(state):
            nodes += int(count)
            kinds.update(_cards(gres))
    return Seen(version.strip() or "slurm", nodes, tuple(sorted(kinds)))


def _takes_work(state: str) -> bool:
    return not state.endswith(("*", "!")) and state.rstrip("~#%$@^-+") in {
        "idle",
        "alloc",
        "mix",
        "comp",
        "resv",
        "plnd",
    }


def _cards(gres: str) -> Iterable[str]:
    for one in re.split(r",(?![^(]*\))", gres):
        if one.startswith("gpu"):
            yield one.partition("(")[0]
