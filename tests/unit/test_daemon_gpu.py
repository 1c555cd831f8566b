from __future__ import annotations

import json
from pathlib import Path

from tuned.daemon.machine.gpu import ENV_FAKE_GPUS, Gpu, GpuSample, GpusFromFile, NoGpus, find_driver

CARDS = [
    {"uuid": "GPU-b", "name": "H100", "memory_total": 80 * 2**30, "memory_used": 5, "utilisation": 12.5},
    {"uuid": "GPU-a", "name": "T4", "memory_total": 16 * 2**30, "processes": {"41": 7}},
]


def test_a_machine_without_cards():
    assert NoGpus().gpus() == []
    assert NoGpus().sample() == {}


def test_cards_from_a_file_are_numbered_in_its_order(tmp_path):
    file = tmp_path / "gpus.json"
    file.write_text(json.dumps(CARDS))
    driver = GpusFromFile(file)
    assert driver.gpus() == [Gpu("GPU-b", 0, "H100", 80 * 2**30), Gpu("GPU-a", 1, "T4", 16 * 2**30)]
    assert driver.sample() == {"GPU-b": GpuSample(5, 12.5, {}), "GPU-a": GpuSample(0, None, {41: 7})}


def test_the_file_is_read_anew(tmp_path):
    file = tmp_path / "gpus.json"
    file.write_text(json.dumps(CARDS))
    driver = GpusFromFile(file)
    file.write_text(json.dumps(CARDS[:1]))
    assert list(driver.sample()) == ["GPU-b"]


def test_the_environment_can_name_such_a_file(tmp_path, monkeypatch):
    file = tmp_path / "gpus.json"
    file.write_text("[]")
    monkeypatch.setenv(ENV_FAKE_GPUS, str(file))
    assert isinstance(find_driver(), GpusFromFile)
    assert find_driver().gpus() == []


def test_whatever_the_machine_is_there_is_a_driver(monkeypatch):
    monkeypatch.delenv(ENV_FAKE_GPUS, raising=False)
    driver = find_driver()
    assert {gpu.uuid for gpu in driver.gpus()} >= set(driver.sample())
    if not Path("/dev/nvidiactl").exists():
        assert isinstance(driver, NoGpus)
