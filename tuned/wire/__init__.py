"""The shapes that cross the daemon's socket, as plain dataclasses: requests, replies and their JSON field names.

Owns those names (they are promises to scripts) and nothing else: no HTTP, no checks beyond types. Daemon and clients
import it, so it stays cheap. Metric values that are not finite travel as the strings `nan`, `inf`, `-inf`.
"""

from __future__ import annotations

from tuned.wire.machine import (
    CallerCaps,
    CallerRow,
    Collect,
    Collected,
    DaemonStatus,
    DeviceRow,
    EventRow,
    PlaceRow,
    StopRequest,
)
from tuned.wire.playbook import StepAction, StepRequest, Steps
from tuned.wire.spaces import ReplacedRow, SpaceChange, SpaceChanged, SpacePage, SpaceVersionRow
from tuned.wire.steering import (
    CardTime,
    GpuPolite,
    GpuProcess,
    GpuRow,
    GpuYield,
    GpuYielded,
    NoticeTried,
    Pause,
    Settings,
    SettingsChanged,
    StudySummary,
    Summary,
    SummaryRequest,
)
from tuned.wire.studies import (
    BestRow,
    CommandSubmission,
    ConstraintRow,
    Import,
    Imported,
    ImportedTrial,
    ObjectiveRow,
    StepRow,
    StoppingRow,
    StudyPage,
    StudyRow,
    Submission,
    Submitted,
)
from tuned.wire.trials import (
    BestSoFar,
    BestStep,
    Enqueue,
    Enqueued,
    Judged,
    JudgedSide,
    LogChunk,
    LogPlace,
    MetricRow,
    RungRow,
    TrialDetail,
    TrialNumbers,
    TrialRow,
)
from tuned.wire.values import Json, Number
from tuned.wire.verbs import Changed, Reprioritise, Targets
