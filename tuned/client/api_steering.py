"""The calls of the verbs that steer: see `tuned.client.api`, whose routes these complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tuned.client.api import Call, study_path

if TYPE_CHECKING:
    from tuned.wire import CardTime, Changed, GpuPolite, GpuRow, GpuYielded, NoticeTried, SettingsChanged, Summary


def set_(study: str, values: Mapping[str, Any]) -> Call[SettingsChanged]:
    """Change keys of a submitted study."""
    return Call("POST", study_path(study) + "/set", "SettingsChanged", body={"values": dict(values)})


def summary(client: str, since: float | None = None, keep: bool = False) -> Call[Summary]:
    """The changes since the client's last summary."""
    return Call("POST", "/summary", "Summary", body={"client": client, "since": since, "keep": keep})


class TextCall(Call[str]):
    """A call whose reply is text."""

    def read(self, body: bytes) -> str:
        """The reply's body."""
        return body.decode()


def export(study: str, format_: str) -> Call[str]:
    """A study in another program's format, as one text."""
    return TextCall("GET", study_path(study) + "/export", query={"format": format_}, timeout=600.0)


def prometheus() -> Call[str]:
    """The daemon's figures in Prometheus' text format."""
    return TextCall("GET", "/metrics", prefix="")


def pause(targets: Sequence[str], level: str | None = None) -> Call[Changed]:
    """Pause studies and trials; see `tuned.wire.Pause`."""
    return Call("POST", "/pause", "Changed", body={"targets": list(targets), "level": level}, timeout=300.0)


def gpus() -> Call[list[GpuRow]]:
    """The cards of the machine."""
    return Call("GET", "/gpus", "GpuRow", many=True)


def gpu_yield(gpu: str, seconds: float | None, level: str = "auto") -> Call[GpuYielded]:
    """Leave a card to somebody else for so many seconds; None: take it back."""
    body = {"gpu": gpu, "seconds": seconds, "level": level}
    return Call("POST", "/gpus/yield", "GpuYielded", body=body, timeout=300.0)


def gpu_ledger(seconds: float) -> Call[list[CardTime]]:
    """Where the cards' time went in the last so many seconds."""
    return Call("GET", "/gpus/ledger", "CardTime", query={"seconds": seconds}, many=True)


def gpu_polite(on: bool) -> Call[GpuPolite]:
    """Have trials leave cards on which somebody else begins to work, or stay."""
    return Call("POST", "/gpus/polite", "GpuPolite", body={"on": on}, timeout=300.0)


def undo_retry(targets: Sequence[str]) -> Call[Changed]:
    """Take back retries that have not begun."""
    return Call("POST", "/retry/undo", "Changed", body={"targets": list(targets)})


def undo_enqueue(targets: Sequence[str]) -> Call[Changed]:
    """Take back queued trials that have not begun."""
    return Call("POST", "/enqueue/undo", "Changed", body={"targets": list(targets)})


def try_notice(study: str) -> Call[NoticeTried]:
    """Run the study's notify command now."""
    return Call("POST", study_path(study) + "/notify", "NoticeTried", timeout=60.0)
