"""A study as TensorBoard's event files: a folder for each ended trial, with its scalars and hyperparameters.

Owns that mapping and the use of the package `tensorboard`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tuned.client.ended_runs import EndedRun
from tuned.core.errors import InvalidInput
from tuned.core.states import VALUED


def write_events(folder: Path, objective: str, runs: Iterable[EndedRun]) -> tuple[int, int]:
    """Write the trials that have no folder there yet: `FOLDER/NUMBER`.

    Returns:
        How many were written, and how many were there already.

    Raises:
        ImportError: TensorBoard is not installed.
        InvalidInput: The folder has trials of another study.
    """
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    added = kept = 0
    for run in runs:
        target = folder / str(run.row.number)
        if target.exists():
            _refuse_other(target, run)
            kept += 1
            continue
        # Under its own name once it is whole: what was cut off is not taken for a trial that is there.
        part = folder / f".{target.name}.part"
        shutil.rmtree(part, ignore_errors=True)
        writer = EventFileWriter(str(part))
        try:
            for event in _events(run, objective):
                writer.add_event(event)
        finally:
            writer.close()
        part.rename(target)
        added += 1
    return added, kept


def _refuse_other(target: Path, run: EndedRun) -> None:
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    for file in sorted(target.glob("events.out.*")):
        for raw in RawEventFileLoader(str(file)).Load():
            for value in Event.FromString(raw).summary.value:
                if value.tag != _tag_of("start"):
                    continue
                start = HParamsPluginData.FromString(value.metadata.plugin_data.content).session_start_info
                if (start.group_name, start.start_time_secs) == (run.row.name, _began(run)):
                    return
                hint = "write each study to a folder of its own: -o FOLDER"
                raise InvalidInput(f"holds {start.group_name} of another study", where=str(target), hint=hint)
    raise InvalidInput(
        "is there, and holds no trial of ours", where=str(target), hint="choose another folder: -o FOLDER"
    )


def _began(run: EndedRun) -> float:
    return run.row.started_at or run.row.created_at


def _tag_of(which: str) -> str:
    return f"_hparams_/session_{which}_info"


def _events(run: EndedRun, objective: str) -> Iterable[Any]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    row = run.row
    began, over = _began(run), row.ended_at or row.created_at
    start = plugin_data_pb2.SessionStartInfo(group_name=run.row.name, start_time_secs=began)
    for name, value in row.params.items():
        if isinstance(value, bool):
            start.hparams[name].bool_value = value
        elif isinstance(value, int | float):
            start.hparams[name].number_value = value
        else:
            start.hparams[name].string_value = str(value)
    yield Event(wall_time=began, step=0, summary=_of_session("start", session_start_info=start))
    points = [(step, at, name, value) for name, curve in run.curves.items() for step, value, at in curve]
    if objective in row.values and objective not in run.curves:
        points.append((0.0, over, objective, float(row.values[objective])))
    for step, at, name, value in sorted(points):
        summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
        yield Event(wall_time=at, step=int(step), summary=summary)
    status = api_pb2.STATUS_SUCCESS if row.state in VALUED else api_pb2.STATUS_FAILURE
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=over)
    yield Event(wall_time=over, step=0, summary=_of_session("end", session_end_info=end))


def _of_session(which: str, **data: Any) -> Any:
    """An entry for the plugin for hyperparameters; made here, because the plugin's own maker needs TensorFlow."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    content = HParamsPluginData(version=0, **data).SerializeToString()
    plugin = SummaryMetadata.PluginData(plugin_name="hparams", content=content)
    return Summary(value=[Summary.Value(tag=_tag_of(which), metadata=SummaryMetadata(plugin_data=plugin))])
