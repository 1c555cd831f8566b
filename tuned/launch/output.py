"""Where a trial's output goes: through a pipe to the supervisor, who writes `output.log` and looks for metrics in it.

Owns `output.log` and the supervisor's part of `metrics.jsonl`. A full disk costs output, never the trial: printing into
a pipe does not fail. The pipe is large and read at intervals, so that a print wakes nobody and costs no more than one
into a file, and so that a supervisor that stands still for a while holds nobody up (ADR 12).
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple

from tuned import faults
from tuned.launch.log_file import LogFile
from tuned.launch.patterns import Lines, Patterns
from tuned.metrics_appender import SUPERVISORS, MetricsAppender
from tuned.protocol import METRICS_FILE, OUTPUT_FILE, QUIET_MARK, TIME_KEY, encode_line

if TYPE_CHECKING:
    from tuned.launch.metric_files import MetricFiles

FILES_INTERVAL = 0.5
"""Seconds between looks at a running trial's own metric files."""

REST = 0.05
"""Seconds between two readings of a pipe that is not nearly full."""

ROOM_INTERVAL = 1.0
"""Seconds until what the disk did not take is tried once more: nothing tells of freed space."""

PIPE_BYTES = 2**20
_SET_PIPE_SIZE = 1031
_AT_ONCE = 16
"""Readings in a row before others have a turn."""


class Output:
    """The supervisor's ends.

    Args:
        run_dir: The run directory.
        specs: The patterns of `spec.json`, possibly none.
        files: Files that the trial writes metrics into, with absolute paths.
        rename: Old name -> new name of what patterns and files give.

    Attributes:
        stdout: The trial's descriptor 1; `stderr`: its descriptor 2.
    """

    def __init__(
        self,
        run_dir: str,
        specs: Sequence[Mapping[str, str]],
        files: Sequence[Mapping[str, str]] = (),
        rename: Optional[Mapping[str, str]] = None,
    ) -> None:
        self._log = LogFile(os.path.join(run_dir, OUTPUT_FILE))
        self._metrics = MetricsAppender(os.path.join(run_dir, METRICS_FILE), SUPERVISORS)
        self._streams: Dict[int, Tuple[str, Lines]] = {}
        self._ended: List[Tuple[str, Lines]] = []
        self._rename = rename or {}
        self._file_specs = files
        self._files: Optional[MetricFiles] = None
        self._look_at = self._read_at = self._room_at = 0.0
        self._patterns = Patterns(specs) if specs else None
        self.stdout = self.stderr = self._pipe("stdout")
        if self._patterns is not None and self._patterns.tells_apart:
            self.stderr = self._pipe("stderr")

    def _pipe(self, stream: str) -> int:
        read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
        try:
            fcntl.fcntl(write_fd, _SET_PIPE_SIZE, PIPE_BYTES)
        except OSError:
            pass  # the user's share of such memory is used up: it keeps its usual size
        os.set_blocking(read_fd, False)
        self._streams[read_fd] = (stream, Lines())
        return write_fd

    def pipes(self) -> List[int]:
        """Inodes of the pipes: whoever holds one as its output belongs to the trial."""
        return [os.fstat(fd).st_ino for fd in self._streams]

    def readable(self, now: float) -> List[int]:
        """Descriptors that `pump` wants to be called for when they can be read."""
        return list(self._streams) if now >= self._read_at else []

    def close_trial_side(self) -> None:
        """After the fork: the write ends belong to the trial alone."""
        for fd in {self.stdout, self.stderr}:
            os.close(fd)
        if self._file_specs:
            # Only now: what is imported before the fork would be in the trial, too.
            from tuned.launch.metric_files import MetricFiles

            self._files = MetricFiles(self._file_specs, self._rename)

    def wait(self, now: float) -> Optional[float]:
        """Seconds until `look` or `readable` has something new; None: never."""
        times = []
        if self._files is not None:
            times.append(self._look_at)
        if self._streams and self._read_at > now:
            times.append(self._read_at)
        if self._lacks_room:
            times.append(self._room_at)
        return max(0.0, min(times) - now) if times else None

    @property
    def _lacks_room(self) -> bool:
        return self._log.waiting or self._metrics.error is not None

    def look(self, now: float) -> None:
        """Take what the trial has written into its own files, and write what waits for room, when it is time to."""
        if self._lacks_room and now >= self._room_at:
            self._room_at = now + ROOM_INTERVAL
            self.flush()
        if self._files is not None and now >= self._look_at:
            self._look_at = now + FILES_INTERVAL
            self._take_files()

    def flush(self) -> Optional[OSError]:
        """Write what waits for room; the error when the metrics still do."""
        self._log.flush()
        self._metrics.flush()
        return self._metrics.error

    def _take_files(self, final: bool = False, clean: bool = True) -> None:
        if self._files is None:
            return
        try:
            for record in self._files.records(final, clean):
                record.setdefault(TIME_KEY, faults.wall("supervisor"))
                self._metrics.append(encode_line(record))
            if final:
                for text in self._files.torn():
                    self._refuse(text)
        except Exception as error:
            # A file of any content must not cost the trial.
            self._files = None
            self.tell("its metric files are read no more: %s: %s" % (type(error).__name__, error))

    def pump(self, fd: int) -> None:
        """Move what is there."""
        for _ in range(_AT_ONCE):
            if not self._pump(fd, PIPE_BYTES // 2):
                self._read_at = time.monotonic() + REST
                return

    def _pump(self, fd: int, enough: int) -> bool:
        """Move one reading; whether there were `enough` bytes that another should follow at once."""
        stream, lines = self._streams[fd]
        try:
            data = os.read(fd, PIPE_BYTES)
        except BlockingIOError:
            return False
        if not data:
            del self._streams[fd]
            self._ended.append((stream, lines))
            os.close(fd)
            return False
        self._log.write(data)
        if self._patterns is not None:
            self._report(lines.feed(data), stream)
        return len(data) >= enough

    def finish(self, clean: bool) -> None:
        """Take what is left in pipes and files once the trial's processes are gone; does not wait for more.

        Args:
            clean: The trial ended by itself, so that a last line without a newline is whole.
        """
        for fd in list(self._streams):
            while self._pump(fd, 1):
                pass
        for stream, lines in [*self._ended, *self._streams.values()]:
            last = lines.finish()
            if clean:
                self._report(last, stream)
            elif self._patterns is not None:
                for line in last:
                    if self._patterns.records(line, stream):
                        self._refuse(line)
        self._append(self._patterns.rest() if self._patterns is not None else [])
        self._take_files(final=True, clean=clean)

    def _refuse(self, text: str) -> None:
        """A line of metrics that was cut off: as it is no JSON, it is counted and shown with the unreadable ones."""
        self._metrics.append(("cut off: %s" % text).replace("\n", " ").encode("utf-8", "replace") + b"\n")

    def tell(self, line: str) -> None:
        """One line of ours for the user."""
        self._log.write(("tuned: %s\n" % line).encode(errors="replace"))

    def _report(self, lines: List[str], stream: str) -> None:
        if self._patterns is None:
            return
        for line in lines:
            self._append(self._patterns.records(line, stream))

    def _append(self, records: List[Dict[str, Any]]) -> None:
        for found in records:
            record = {self._rename.get(name, name): value for name, value in found.items()}
            if QUIET_MARK not in record:
                record[TIME_KEY] = faults.wall("supervisor")
            self._metrics.append(encode_line(record))
