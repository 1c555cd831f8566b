"""Where a trial's output goes: straight into `output.log`, or through the supervisor when patterns read it.

Owns `output.log` and the supervisor's part of `metrics.jsonl`. A full disk costs output, never the trial.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Dict, List, Mapping, Optional, Sequence, Tuple

from tuned.launch.patterns import Lines, Patterns
from tuned.protocol import METRICS_FILE, OUTPUT_FILE, QUIET_MARK, TIME_KEY, MetricsAppender, encode_line

if TYPE_CHECKING:
    from tuned.launch.metric_files import MetricFiles

FILES_INTERVAL = 0.5
"""Seconds between looks at a running trial's own metric files."""

_CHUNK = 65536
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class Output:
    """The supervisor's ends.

    Args:
        run_dir: The run directory.
        specs: The patterns of `spec.json`, possibly none.
        files: Files that the trial writes metrics into, with absolute paths.
        rename: Old name -> new name of what patterns and files give.

    Attributes:
        stdout: The trial's descriptor 1; `stderr`: its descriptor 2.
        readable: Descriptors to watch, while the trial's side of them is open.
    """

    def __init__(
        self,
        run_dir: str,
        specs: Sequence[Mapping[str, str]],
        files: Sequence[Mapping[str, str]] = (),
        rename: Optional[Mapping[str, str]] = None,
    ) -> None:
        self._log = os.open(os.path.join(run_dir, OUTPUT_FILE), _APPEND, 0o644)
        self._metrics = MetricsAppender(os.path.join(run_dir, METRICS_FILE))
        self._streams: Dict[int, Tuple[str, Lines]] = {}
        self._rename = rename or {}
        self._file_specs = files
        self._files: Optional[MetricFiles] = None
        self._look_at = 0.0
        self.stdout = self.stderr = self._log
        if specs:
            self._patterns = Patterns(specs)
            self.stdout = self.stderr = self._pipe("stdout")
            if self._patterns.tells_apart:
                self.stderr = self._pipe("stderr")

    def _pipe(self, stream: str) -> int:
        read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(read_fd, False)
        self._streams[read_fd] = (stream, Lines())
        return write_fd

    @property
    def readable(self) -> List[int]:
        """Descriptors that `pump` wants to be called for."""
        return list(self._streams)

    def close_trial_side(self) -> None:
        """After the fork: the write ends belong to the trial alone."""
        for fd in {self.stdout, self.stderr} - {self._log}:
            os.close(fd)
        if self._file_specs:
            # Only now: what is imported before the fork would be in the trial, too.
            from tuned.launch.metric_files import MetricFiles

            self._files = MetricFiles(self._file_specs, self._rename)

    def wait(self, now: float) -> Optional[float]:
        """Seconds until `look` has something to do; None: never."""
        return None if self._files is None else max(0.0, self._look_at - now)

    def look(self, now: float, final: bool = False) -> None:
        """Take what the trial has written into its own files, when it is time to; `final` when it has ended."""
        if self._files is None or (now < self._look_at and not final):
            return
        self._look_at = now + FILES_INTERVAL
        try:
            for record in self._files.records(final):
                record.setdefault(TIME_KEY, time.time())
                self._metrics.append(encode_line(record))
        except Exception as error:
            # A file of any content must not cost the trial.
            self._files = None
            self.tell("its metric files are read no more: %s: %s" % (type(error).__name__, error))

    def pump(self, fd: int) -> bool:
        """Move what is there.

        Returns:
            False when there is nothing more for now, or the stream has ended.
        """
        stream, lines = self._streams[fd]
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return False
        self._keep(data)
        self._report(lines.feed(data) if data else lines.finish(), stream)
        if not data:
            del self._streams[fd]
            os.close(fd)
        return bool(data)

    def finish(self) -> None:
        """Take what is left in pipes and files once the trial's processes are gone; does not wait for more."""
        for fd in self.readable:
            while self.pump(fd):
                pass
            if fd in self._streams:
                stream, lines = self._streams[fd]
                self._report(lines.finish(), stream)
        self.look(time.monotonic(), final=True)

    def tell(self, line: str) -> None:
        """One line of ours for the user."""
        self._keep(("tuned: %s\n" % line).encode(errors="replace"))

    def _keep(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._log, view) :]
        except OSError:
            pass  # a full disk: the trial goes on without its output

    def _report(self, lines: List[str], stream: str) -> None:
        for line in lines:
            for found in self._patterns.records(line, stream):
                record = {self._rename.get(name, name): value for name, value in found.items()}
                if QUIET_MARK not in record:
                    record[TIME_KEY] = time.time()
                self._metrics.append(encode_line(record))
