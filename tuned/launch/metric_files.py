"""Metrics out of the files that a trial writes by itself: JSON lines, CSV, TensorBoard's events.

Owns reading them while they grow. A file that is replaced or written anew is read from its beginning: the same line
gives the same record again. Lines from before the attempt belong to the attempt that wrote them.
"""

from __future__ import annotations

import csv
import glob
import json
import os
import re
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from tuned.launch import tfevents
from tuned.launch.numbers import read_number
from tuned.plain_files import read_plain
from tuned.protocol import STEP_KEY, TIME_KEY, encode_number

_READ_BYTES = 4 * 2**20
_LARGEST_READ = 64 * 2**20
_HEAD_BYTES = 512
_LINE_CAP = 2**20
_STEPS = ("step", "global_step", "_step", "iteration", "iter", "epoch")
"""The columns that give the step: the first one present; further ones are metrics."""
_TIME = re.compile(
    r"(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d|[A-Z][a-z][a-z][0-3]\d[-_]|[0-2]\d[-_:][0-5]\d[-_:][0-5]\d|(?<!\d)1\d{9}(?!\d)"
)
"""`2026-11-29`, `Nov29_02-57-36_host` (PyTorch's own), `02-57-36`, `1764384000`: in the name of a folder."""

Record = Dict[str, Any]


class MetricFiles:
    """All files of a trial.

    Args:
        specs: Each with `kind` (`jsonl`, `csv` or `tensorboard`) and `path`, absolute; the path may hold `*`.
        rename: Old name -> new name.
    """

    def __init__(self, specs: Sequence[Mapping[str, str]], rename: Mapping[str, str]) -> None:
        self._specs = [(spec["kind"], spec["path"]) for spec in specs]
        self._rename = rename
        self._files: Dict[str, _File] = {}
        for path, file in self._found():
            file.skip()
            self._files[path] = file

    def __bool__(self) -> bool:
        return bool(self._specs)

    def records(self, final: bool = False, clean: bool = True) -> Iterator[Record]:
        """The records since the last look.

        Args:
            final: The file is complete, so a last line needs no newline.
            clean: The trial ended by itself, so that such a line is whole; else it is only where its form says so.
        """
        for path, file in self._found():
            known = self._files.setdefault(path, file)
            known.clean = clean
            yield from known.records(final)

    def torn(self) -> List[str]:
        """Last lines that were cut off."""
        return [file.torn for file in self._files.values() if file.torn]

    def _found(self) -> Iterator[Tuple[str, "_File"]]:
        for kind, pattern in self._specs:
            for path in sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]:
                if kind != "tensorboard":
                    if os.path.isfile(path):
                        yield path, (_JsonLines if kind == "jsonl" else _Csv)(path, self._rename)
                    continue
                for found, run in _event_files(path):
                    yield found, _Events(found, self._rename, run)


def _event_files(path: str) -> List[Tuple[str, str]]:
    """Event files at or below a path, each with its run: the folder's path below it, empty at the top."""
    if os.path.isfile(path):
        return [(path, "")]
    found = []
    for folder, folders, names in os.walk(path):
        folders.sort()
        run = os.path.relpath(folder, path)
        found += [(os.path.join(folder, name), _lasting(run)) for name in sorted(names) if "tfevents" in name]
    return found


def _lasting(run: str) -> str:
    """A run's name without the folders that are called after the time, which name every trial's metrics differently."""
    return "/".join(part for part in run.split(os.sep) if part != "." and not _TIME.search(part))


class _Seen(NamedTuple):
    """The marks that tell a grown file from another one."""

    inode: int
    size: int
    changed: int


class _File:
    """One file, and how far it was read."""

    def __init__(self, path: str, rename: Mapping[str, str]) -> None:
        self._path = path
        self._names = rename
        self._seen = _Seen(0, 0, 0)
        self._head = b""
        self._offset = 0
        self.clean = True
        self.torn = ""
        self.start()

    def start(self) -> None:
        """Forget what was read."""
        self._offset = 0
        self._counts: Dict[str, int] = {}

    def skip(self) -> None:
        """Take what is there now for another attempt's."""
        for _ in self.records(final=False):
            pass

    def records(self, final: bool) -> Iterator[Record]:
        """The new lines."""
        try:
            with read_plain(self._path, links=True) as file:
                status = os.fstat(file.fileno())
                seen = _Seen(status.st_ino, status.st_size, status.st_mtime_ns)
                if seen == self._seen and not final:
                    return
                head = file.read(_HEAD_BYTES)
                replaced = self._seen.inode not in (0, seen.inode) or seen.size < self._offset
                if replaced or not head.startswith(self._head[: self._offset]):
                    self.start()
                self._seen, self._head = seen, head
                file.seek(self._offset)
                size = _READ_BYTES
                while True:
                    data = file.read(size)
                    last = final and self._offset + len(data) >= seen.size
                    used, found = self.parse(data, last)
                    self._offset += used
                    yield from found
                    if len(data) < size or size > _LARGEST_READ:
                        return
                    size = _READ_BYTES if used else 4 * size  # a picture among the events
                    file.seek(self._offset)
        except OSError:
            return  # it is gone, or cannot be read: it is looked at again

    def parse(self, data: bytes, last: bool) -> Tuple[int, List[Record]]:
        """How many bytes were used, and the records in them."""
        raise NotImplementedError

    def record(self, values: Mapping[str, Any]) -> Optional[Record]:
        """One row as a record of `metrics.jsonl`, or None when it holds no metric."""
        named = {self._names.get(name, name): value for name, value in values.items()}
        step, time = None, named.pop(TIME_KEY, None)
        for name in _STEPS:
            step = _step(named.get(name))
            if step is not None:
                del named[name]
                break
        found = {}
        for name, value in named.items():
            number = _number(value)
            if number is not None and name and name != STEP_KEY and not name.startswith("_"):
                found[name] = encode_number(number)
        if not found:
            return None
        if step is None:
            step = max(self._counts.get(name, 0) for name in found)
            for name in found:
                self._counts[name] = step + 1
        stamp = _number(time)
        return {STEP_KEY: step, **found, **({} if stamp is None else {TIME_KEY: stamp})}


class _Lines(_File):
    """A file of lines.

    Attributes:
        tells_its_end: Whether a line that was cut off cannot be taken for a whole one.
    """

    tells_its_end = False

    def parse(self, data: bytes, last: bool) -> Tuple[int, List[Record]]:
        end = data.rfind(b"\n") + 1
        if not end and len(data) > _LINE_CAP:
            end = len(data)  # no line of metrics is that long
        found = [record for line in data[:end].splitlines() for record in self._records(line)]
        if last and data[end:].strip():
            tail = self._records(data[end:]) if self.clean or self.tells_its_end else []
            if not (tail or self.clean):
                self.torn = data[end:].decode("utf-8", "replace")
            return len(data), found + tail
        return end, found

    def _records(self, line: bytes) -> List[Record]:
        values = self.row(line.decode("utf-8", "replace")) if line.strip() else None
        record = None if values is None else self.record(values)
        return [] if record is None else [record]

    def row(self, line: str) -> Optional[Mapping[str, Any]]:
        """Name -> value of one line, or None."""
        raise NotImplementedError


class _JsonLines(_Lines):
    """One JSON object a line; nested ones become `outer/inner`."""

    tells_its_end = True

    def row(self, line: str) -> Optional[Mapping[str, Any]]:
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            return None
        return dict(_flat(values, "")) if isinstance(values, dict) else None


class _Csv(_Lines):
    """A header, then rows; cells may be empty."""

    def start(self) -> None:
        super().start()
        self._header: Optional[List[str]] = None

    def row(self, line: str) -> Optional[Mapping[str, Any]]:
        if self._header is None:
            line = line.lstrip("\ufeff")
            counts = {mark: line.count(mark) for mark in ",;\t"}
            self._mark = max(counts, key=lambda mark: counts[mark])
        try:
            cells = next(csv.reader([line], delimiter=self._mark))
        except (csv.Error, StopIteration):
            return None
        cells = [cell.strip() for cell in cells]
        if self._header is None or cells == self._header:
            self._header = cells
            return None
        return {name: cell for name, cell in zip(self._header, cells) if cell}


class _Events(_File):
    """TensorBoard's; a file in a sub-folder, as for `train` and `validation`, gives names such as `validation/loss`."""

    def __init__(self, path: str, rename: Mapping[str, str], run: str) -> None:
        self._run = run
        super().__init__(path, rename)

    def parse(self, data: bytes, last: bool) -> Tuple[int, List[Record]]:  # noqa: ARG002 (a record says its length)
        used, found = 0, []
        try:
            for event, end in tfevents.records(data):
                used = end
                for scalar in tfevents.scalars(event):
                    name = "%s/%s" % (self._run, scalar.tag) if self._run else scalar.tag
                    values = {name: scalar.value, STEP_KEY: scalar.step, TIME_KEY: scalar.wall_time}
                    record = self.record(values)
                    if record is not None:
                        found.append(record)
        except tfevents.DamagedEvents:
            used = len(data)  # nothing behind it can be found
        return used, found


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[Tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, "%s%s/" % (prefix, name))
        else:
            yield prefix + name, value


def _number(value: Any) -> Optional[float]:
    """The number that a JSON value or a cell holds; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        return read_number(value)
    try:
        return float(value) if isinstance(value, (int, float)) else None
    except OverflowError:
        return None


def _step(value: Any) -> Optional[float]:
    number = _number(value)
    if number is None or not 0 <= number < 2**53:
        return None
    return int(number) if number == int(number) else number
