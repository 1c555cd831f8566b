from __future__ import annotations

import csv
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from tuned.launch import metric_files, tfevents
from tuned.launch.metric_files import MetricFiles


def files(kind: str, path: Path | str, **rename: str) -> MetricFiles:
    return MetricFiles([{"kind": kind, "path": str(path)}], {k.replace("__", "/"): v for k, v in rename.items()})


def take(source: MetricFiles, final: bool = False) -> list[dict[str, Any]]:
    return list(source.records(final))


def test_json_lines_as_they_grow(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    source = files("jsonl", path, eval__loss="val_loss")
    assert take(source) == []
    path.write_text(
        '{"epoch": 1, "eval": {"loss": 0.5}, "name": "x", "ok": true}\nno json\n[1]\n{"epoch": 2, "eval": {"lo'
    )
    assert take(source) == [{"step": 1, "val_loss": 0.5}]
    assert take(source) == []
    with path.open("a") as file:
        file.write('ss": NaN}}\n{"global_step": 7, "epoch": 3, "loss": "0.25", "_runtime": 3}')
    assert take(source) == [{"step": 2, "val_loss": "nan"}]
    assert take(source, final=True) == [{"step": 7, "epoch": 3.0, "loss": 0.25}]


def test_lines_without_a_step_are_counted_by_metric(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    source = files("jsonl", path)
    path.write_text('{"a": 1}\n{"b": 1}\n{"a": 2}\n')
    assert take(source) == [{"step": 0, "a": 1.0}, {"step": 0, "b": 1.0}, {"step": 1, "a": 2.0}]
    # Written anew, the same lines give the same records.
    path.write_text('{"a": 5}\n')
    assert take(source) == [{"step": 0, "a": 5.0}]


def test_what_an_earlier_attempt_wrote_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 0, "a": 1}\n')
    source = files("jsonl", path)
    assert take(source) == []
    with path.open("a") as file:
        file.write('{"step": 1, "a": 2}\n')
    assert take(source) == [{"step": 1, "a": 2.0}]


def test_csv_with_empty_cells_and_a_header_that_changes(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    source = files("csv", path)
    path.write_text("epoch,train_loss,val_loss\r\n0,1.5,\r\n0,,1.25\r\n1,1.0,text\r\n")
    assert take(source) == [
        {"step": 0, "train_loss": 1.5},
        {"step": 0, "val_loss": 1.25},
        {"step": 1, "train_loss": 1.0},
    ]
    # A logger that finds a new column writes the whole file again.
    path.write_text("epoch,lr,train_loss,val_loss\n0,0.1,1.5,\n2,0.1,0.5,0.75\n")
    assert take(source)[-1] == {"step": 2, "lr": 0.1, "train_loss": 0.5, "val_loss": 0.75}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tensorboard"])
def test_a_pipe_in_place_of_a_file_holds_nobody_up(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "events.out.tfevents.1"
    os.mkfifo(path)
    source = files(kind, tmp_path if kind == "tensorboard" else path)
    assert take(source) == []
    path.unlink()
    path.write_text('{"step": 1, "a": 2}\n' if kind == "jsonl" else "step,a\n1,2\n" if kind == "csv" else "")
    assert take(source) == ([] if kind == "tensorboard" else [{"step": 1, "a": 2.0}])


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv_of_every_mark(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "scores.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=mark).writerows([["step", "a b"], [3, 0.5]])
    assert take(files("csv", tmp_path / "none.csv")) == []
    source = files("csv", tmp_path / "*.csv")
    os.utime(path)
    with path.open("a") as file:
        file.write(f"4{mark}0.25\n")
    assert take(source) == [{"step": 4, "a b": 0.25}]


def field(number: int, wire: int, content: bytes) -> bytes:
    length = varint(len(content)) if wire == 2 else b""
    return varint(number << 3 | wire) + length + content


def varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def event(step: int, *values: bytes) -> bytes:
    summary = b"".join(field(1, 2, value) for value in values)
    data = field(1, 1, struct.pack("<d", 1000.5)) + field(2, 0, varint(step % 2**64)) + field(5, 2, summary)
    return record(data)


def record(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + b"crc1" + data + b"crc2"


def simple(tag: str, value: float) -> bytes:
    return field(1, 2, tag.encode()) + field(2, 5, struct.pack("<f", value))


def tensor(tag: str, kind: int, content: bytes, shape: bytes = b"") -> bytes:
    """The newer form, in which a scalar is a tensor of no dimension."""
    plugin = field(9, 2, field(1, 2, field(1, 2, b"scalars")))
    return field(1, 2, tag.encode()) + plugin + field(8, 2, field(1, 0, varint(kind)) + field(2, 2, shape) + content)


VERSION = record(field(1, 1, struct.pack("<d", 1.0)) + field(3, 2, b"brain.Event:2"))


def test_scalars_of_both_forms(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "events.out.tfevents.1"
    path.parent.mkdir()
    source = files("tensorboard", tmp_path / "runs", epoch_loss="loss")
    histogram = tensor("weights", 2, field(4, 2, struct.pack("<3d", 1, 2, 3)), field(2, 2, field(1, 0, varint(3))))
    text = tensor("note", 7, field(8, 2, b"hello"))
    data = VERSION + event(0, simple("epoch_loss", 0.5), simple("acc", 0.25))
    data += event(1, tensor("epoch_loss", 1, field(4, 2, struct.pack("<f", 0.125))), histogram, text)
    data += event(
        2, tensor("epoch_loss", 1, field(5, 2, struct.pack("<f", 0.75))), tensor("n", 9, field(10, 0, varint(7)))
    )
    path.write_bytes(data[:-5])
    assert take(source) == [
        {"step": 0, "loss": 0.5, "_time": 1000.5},
        {"step": 0, "acc": 0.25, "_time": 1000.5},
        {"step": 1, "loss": 0.125, "_time": 1000.5},
    ]
    path.write_bytes(data)
    assert [r for r in take(source) if r["step"] == 2] == [
        {"step": 2, "loss": 0.75, "_time": 1000.5},
        {"step": 2, "n": 7.0, "_time": 1000.5},
    ]


def test_sub_folders_tell_runs_apart(tmp_path: Path) -> None:
    source = files("tensorboard", tmp_path)
    for run in ("train", "validation"):
        (tmp_path / run).mkdir()
        (tmp_path / run / "events.out.tfevents.2.v2").write_bytes(VERSION + event(3, simple("epoch_loss", 0.5)))
    assert [set(r) - {"step", "_time"} for r in take(source)] == [{"train/epoch_loss"}, {"validation/epoch_loss"}]


@pytest.mark.parametrize("data", [b"\xff" * 64, record(b"\xff" * 8), record(field(5, 2, b"\x0a\xff\xff"))])
def test_damaged_events_are_left_alone(tmp_path: Path, data: bytes) -> None:
    source = files("tensorboard", tmp_path)
    (tmp_path / "x.tfevents").write_bytes(data)
    assert take(source) == [] and take(source, final=True) == []


def test_a_large_picture_among_the_events_is_stepped_over(tmp_path: Path) -> None:
    source = files("tensorboard", tmp_path)
    picture = record(field(4, 2, bytes(5 * 2**20)))
    (tmp_path / "x.tfevents").write_bytes(picture + event(1, simple("a", 2.0)))
    assert take(source) == [{"step": 1, "a": 2.0, "_time": 1000.5}]


def test_negative_steps_and_numbers() -> None:
    ((content, _end),) = tfevents.records(event(-1, simple("a", -2.5)))
    assert tfevents.scalars(content) == [tfevents.Scalar("a", -1, -2.5, 1000.5)]


@pytest.mark.parametrize(
    ("folder", "run"),
    [
        ("Nov29_02-57-36_host", ""),
        ("2026-11-29/02-57-36/train", "train"),
        ("run_20261129-025736", ""),
        ("1764384000", ""),
        ("version_0", "version_0"),
        ("train", "train"),
        ("resnet2050", "resnet2050"),
    ],
)
def test_folders_that_are_called_after_the_time_name_no_metric(folder: str, run: str) -> None:
    assert metric_files._lasting(folder) == run
