"""The verbs against a scripted daemon: what they ask for, what they print, how they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def refuse(status: int, **fields: Any) -> Any:
    return lambda request: (status, {"title": "X", "status": status, **fields})


JSON_VERBS = [
    ("studies",),
    ("show", "digits"),
    ("trials", "digits"),
    ("best", "digits", "--top", "2"),
    ("metrics", "digits/1"),
    ("queue",),
    ("queue", "--name", "job", "--", "echo", "--json"),
    ("enqueue", "digits", "lr=0.01"),
    ("pause", "digits"),
    ("resume", "digits"),
    ("cancel", "digits/1"),
    ("prune", "digits/1"),
    ("kill", "digits/1"),
    ("retry", "digits/1"),
    ("next", "digits/1"),
    ("priority", "digits", "5"),
    ("logs", "digits/1"),
    ("events",),
    ("delete", "digits", "--yes"),
    ("daemon", "status"),
]


def test_queued_trials_of_a_paused_study_are_in_the_queue_and_counted_apart(tunectl: Any, daemon: Any) -> None:
    study = daemon.routes["GET /v1/studies"][0] | {"state": "paused", "counts": {"completed": 1, "queued": 2}}
    queued = daemon.routes["GET /v1/studies/digits/trials"][0] | {"state": "queued"}
    daemon.routes |= {"GET /v1/queue": [], "GET /v1/studies": [study]}
    daemon.routes["GET /v1/studies/digits/trials"] = [queued, queued | {"number": 2}]
    listed = tunectl("queue", "--json").document
    assert [(row["number"], row["waits_for"]) for row in listed] == [
        (queued["number"], "its study is paused"),
        (2, "its study is paused"),
    ]
    told = tunectl("queue").out
    assert "its study is paused" in told and "nothing waits" not in told
    assert "(2 of them in paused studies)" in tunectl("status").out
    assert tunectl("status", "--json").document["held_back"] == 2


@pytest.fixture
def answering(daemon: Any) -> Any:
    """A scripted daemon that does whatever it is asked."""
    changed = {"changed": ["digits/1"], "skipped": []}
    trial = daemon.routes["GET /v1/studies/digits/trials"][0]
    submitted = {
        "study": "job", "created": True, "state": "running", "trials": 1, "slots": 2, "devices": ["cpu:0"],
        "python": "/usr/bin/python3", "python_why": "it is there", "arguments": [["echo", "--lr", "0.1"]], "notes": [],
    }  # fmt: skip
    daemon.routes |= {f"POST /v1/{verb}": changed for verb in ("pause", "resume", "cancel", "prune", "kill")}
    daemon.routes |= {f"POST /v1/{verb}": changed for verb in ("retry", "next", "priority")}
    daemon.routes |= {
        "GET /v1/studies/digits/best": [trial],
        "GET /v1/queue": [trial],
        "GET /v1/metrics": [
            {"study": "digits", "number": 1, "step": 2, "name": "val_loss", "value": "nan", "time": None, "attempt": 1}
        ],
        "POST /v1/studies/digits/enqueue": {"trials": [4]},
        "POST /v1/commands": submitted,
        "POST /v1/studies": submitted | {"study": "digits", "trials": 10},
        "GET /v1/studies/digits/trials/1/log": lambda request: (
            200,
            {"text": "hello\n" if dict(request.query)["offset"] == "0" else "", "attempt": 1, "next_offset": 6,
             "ended": True},
        ),
        "GET /v1/events/list": [daemon.event(1, to="running", **{"from": "queued"})],
        "DELETE /v1/studies/digits": {"changed": ["digits"]},
    }  # fmt: skip
    return daemon


@pytest.mark.parametrize("words", JSON_VERBS, ids=lambda words: " ".join(words))
def test_json_is_one_document_and_nothing_else(tunectl: Any, answering: Any, words: tuple[str, ...]) -> None:
    at = 2 if words[0] == "daemon" else 1
    ran = tunectl(*words[:at], "--json", *words[at:])
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.endswith("\n")
    assert ran.document is not None


@pytest.mark.parametrize("words", JSON_VERBS, ids=lambda words: " ".join(words))
def test_people_get_text(tunectl: Any, answering: Any, words: tuple[str, ...]) -> None:
    ran = tunectl(*words)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.strip()
    with pytest.raises(ValueError):
        json.loads(ran.out)


def test_studies_show_state_best_and_progress(tunectl: Any, daemon: Any) -> None:
    ran = tunectl("studies")
    head, row = ran.out.splitlines()
    assert head.split()[:3] == ["study", "state", "trials"]
    assert row.split()[:5] == ["digits", "●", "running", "2/10", "val_loss=0.25"]


def test_show_prints_the_space(tunectl: Any, daemon: Any) -> None:
    out = tunectl("show", "digits").out
    assert "Which optimiser?" in out
    assert "1e-05 .. 0.1 (log)" in out


def test_a_trial_that_reports_meanwhile_is_shown_as_of_one_moment(tunectl: Any, daemon: Any) -> None:
    trial = daemon.routes["GET /v1/studies/digits/trials"][0] | {"state": "running", "ended_at": None}
    reported = [0.5]

    def detail(_request: Any) -> Any:
        row = trial | {"values": {"val_loss": reported[-1]}, "last_step": len(reported)}
        more = {"run_dir": None, "checkpoint_dir": "", "arguments": [], "traceback": "", "bad_lines": 0}
        return 200, {"trial": row, **more}

    def metrics(_request: Any) -> Any:
        if len(reported) == 1:
            reported.append(0.4)
        row = {"study": "digits", "number": 1, "name": "val_loss", "time": None, "attempt": 1}
        return 200, [row | {"step": step, "value": value} for step, value in enumerate(reported, 1)]

    daemon.routes |= {"GET /v1/studies/digits/trials/1": detail, "GET /v1/metrics": metrics}
    shown = tunectl("show", "digits/1", "--json").document
    assert shown["trial"]["values"] == {"val_loss": 0.4} and shown["metrics"][-1]["value"] == 0.4


def test_a_refusal_is_one_line_and_exit_code_1(tunectl: Any, daemon: Any) -> None:
    daemon.routes["POST /v1/pause"] = refuse(409, detail="is\ncompleted", where="digits", hint="retry it")
    ran = tunectl("pause", "digits")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "tunectl: digits: is; completed (retry it)\n"


def test_without_a_daemon_the_exit_code_is_3(tunectl: Any) -> None:
    for words in (("studies",), ("daemon", "status"), ("daemon", "stop")):
        ran = tunectl(*words)
        assert (ran.code, ran.out) == (3, "")
        assert len(ran.err.splitlines()) == 1
        assert "tunectl daemon start" in ran.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("studes",), "did you mean studies?"),
        (("follow", "nos"), "did you mean wait STUDY --follow?"),
        (("tune", "train.py", "--depth", "1..3"), "no such option --depth (to tune a parameter: depth=1..3)"),
        (("tune", "train.py", "--trials"), "requires an argument"),
        (("tune", "train.py", "--trial=9"), "no such option --trial (did you mean --trials?"),
        (("trials",), "Missing argument 'STUDY'"),
        (("trials", "digits", "--limt", "3"), "--limt"),
        (("trials", "digits", "--limit", "0"), "--limit"),
        (("trials", "digits", "--state", "runing"), "runing"),
        (("priority", "digits", "high"), "'high' is no priority"),
        (("priority", "5"), "is no priority"),
        (("enqueue", "digits"), "no point was given"),
        (("enqueue", "digits", "lr"), "no KEY=VALUE"),
        (("submit", "x.toml", "--set", "trials"), "no KEY=VALUE"),
        (("submit", "x.toml", "--name", "a", "--as", "b"), "two names"),
        (("wait", "digits", "--timeout", "soon"), "no length of time"),
        (("gpu", "ledger", "--since", "99d"), "'--since': '99d' is too long (write 31d or less)"),
        (("gpu", "ledger", "--since", "0"), "'--since': '0' is too short (write 1s or more)"),
        (("gpu", "yield", "0", "--for", "0"), "'--for': '0' is too short (write 1s or more)"),
        (("gpu", "yield", "0", "--for", "31d"), "'--for': '31d' is too long (write 30d or less)"),
        (("daemon", "strat"), "strat"),
        (("daemon", "logs", "-f", "--json"), "cannot print one document"),
        (("conjure", "digits"), "no verb 'conjure'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_one_line_and_exit_code_2(tunectl: Any, daemon: Any, words: tuple[str, ...], says: str) -> None:
    ran = tunectl(*words, start=True)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert says in ran.err


@pytest.mark.parametrize("words", [("show", "digits/0"), ("why", "digits/0"), ("show", "digits/0", "--command")])
def test_a_number_that_no_trial_has_is_refused_in_words_of_trials(tunectl: Any, answering: Any, words: Any) -> None:
    ran = tunectl(*words)
    assert ran.code != 0
    assert "digits/0: '0' is no trial number (trials are numbered from 1)" in ran.err


def test_trials_filters_reach_the_daemon(tunectl: Any, daemon: Any) -> None:
    tunectl(
        "trials", "digits", "--state", "failed", "--state", "lost", "--sort", "value", "--limit", "5", "--offset", "2"
    )
    (request,) = daemon.asked("/v1/studies/digits/trials")
    assert request.query == [
        ("state", "failed"), ("state", "lost"), ("sort", "value"), ("limit", "5"), ("offset", "2"),
            ("metrics", "true"),
    ]  # fmt: skip


def test_enqueue_gives_values_the_types_of_the_space(tunectl: Any, answering: Any) -> None:
    tunectl("enqueue", "digits", "lr=1", "width=1e1", "--priority", "3")
    body = answering.asked("/v1/studies/digits/enqueue")[0].body
    assert body == {"points": [{"lr": 1.0, "width": 10}], "priority": 3}
    assert isinstance(body["points"][0]["width"], int)
    tunectl("enqueue", "digits", "lr=.001,.1", "--like", "7", "--seeds", "2")
    body = answering.asked("/v1/studies/digits/enqueue")[1].body
    assert body == {"points": [{"lr": [0.001, 0.1]}], "like": "digits/7", "seeds": 2}


def test_enqueue_refuses_unknown_names_with_the_nearest(tunectl: Any, answering: Any) -> None:
    ran = tunectl("enqueue", "digits", "widht=3")
    assert ran.code == 1
    assert "space.widht: there is no such parameter (did you mean width?)" in ran.err
    assert not answering.asked("/v1/studies/digits/enqueue")


def test_enqueue_reads_points_from_a_file_and_names_the_bad_line(tunectl: Any, answering: Any, tmp_path: Path) -> None:
    file = tmp_path / "points.jsonl"
    file.write_text('{"lr": 0.1}\n\n{"width": 3}\n')
    assert tunectl("enqueue", "digits", "--file", str(file)).code == 0
    assert answering.asked("/v1/studies/digits/enqueue")[0].body["points"] == [{"lr": 0.1}, {"width": 3}]
    file.write_text('{"lr": 0.1}\n[1]\n')
    ran = tunectl("enqueue", "digits", "--file", str(file))
    assert ran.code == 1
    assert f"{file}:2: is no JSON object" in ran.err


def test_what_was_left_alone_is_said(tunectl: Any, daemon: Any) -> None:
    daemon.routes["POST /v1/prune"] = {"changed": ["digits/1"], "skipped": ["digits/2 is completed"]}
    ran = tunectl("prune", "digits/1-2")
    assert (ran.code, ran.out) == (0, "digits/1: pruned\n")
    assert "digits/2 is completed" in ran.err
    daemon.routes["POST /v1/prune"] = {"changed": [], "skipped": ["digits/2 is completed"]}
    assert tunectl("prune", "digits/2").code == 1


def test_relative_priorities_are_told_from_absolute_ones(tunectl: Any, answering: Any) -> None:
    for text in ("5", "+5", "-5"):
        tunectl("priority", "digits", "digits/3", text)
    bodies = [request.body for request in answering.asked("/v1/priority")]
    assert [(body["priority"], body["relative"]) for body in bodies] == [(5, False), (5, True), (-5, True)]
    assert bodies[0]["targets"] == ["digits", "digits/3"]


def test_a_queued_command_keeps_its_own_options(tunectl: Any, answering: Any) -> None:
    tunectl("queue", "--priority", "2", "--", "python", "train.py", "--json", "-x")
    body = answering.asked("/v1/commands")[0].body
    assert body["command"] == ["python", "train.py", "--json", "-x"]
    assert body["cwd"] == str(Path.cwd())
    assert body["environment"]["PATH"]


def test_delete_asks_before_it_destroys(tunectl: Any, answering: Any) -> None:
    ran = tunectl("delete", "digits")
    assert ran.code == 1
    assert "--yes" in ran.err
    assert not [request for request in answering.seen if request.method == "DELETE"]


def test_log_tail_asks_for_more_until_it_has_the_lines(tunectl: Any, daemon: Any) -> None:
    text = "".join(f"line {n:06}\n" for n in range(20_000)).encode()

    def log(request: Any) -> Any:
        query = dict(request.query)
        offset, limit = int(query["offset"]), int(query["limit"])
        start = max(0, len(text) + offset) if offset < 0 else offset
        piece = text[start : start + limit]
        return 200, {"text": piece.decode(), "attempt": 1, "next_offset": start + len(piece), "ended": True}

    daemon.routes["GET /v1/studies/digits/trials/1/log"] = log
    ran = tunectl("logs", "digits/1", "-n", "7000")
    assert ran.out.splitlines()[0] == "line 013000"
    assert ran.out.endswith("line 019999\n")
    assert tunectl("logs", "digits/1").out == text.decode()
    assert tunectl("logs", "digits/1", "--json", "-n", "1").document["text"] == "line 019999\n"


@pytest.mark.parametrize("words", [("-n", "1"), ("-n", "1", "--json"), (), ("--json",)])
def test_the_log_of_a_trial_that_prints_all_the_time_has_an_end(tunectl: Any, daemon: Any, words: Any) -> None:
    text, looks = b"line\n" * 100, []

    def log(request: Any) -> Any:
        nonlocal text
        query = dict(request.query)
        offset, limit = int(query["offset"]), int(query.get("limit", 65536))
        start = max(0, len(text) + offset) if offset < 0 else offset
        piece = text[start : start + limit]
        looks.append(start)
        assert len(looks) < 10, "it reads on and on"
        text += b"more\n" * 10
        return 200, {"text": piece.decode(), "attempt": 1, "next_offset": start + len(piece), "ended": False}

    daemon.routes["GET /v1/studies/digits/trials/1/log"] = log
    ran = tunectl("logs", "digits/1", *words)
    out = ran.document["text"] if "--json" in words else ran.out
    assert len(out.splitlines()) == (1 if "-n" in words else 100)


def test_events_are_told_in_words(tunectl: Any, answering: Any) -> None:
    answering.routes["GET /v1/events/list"] = [
        answering.event(7, "trial.moved", to="failed", reason="exit code 3", **{"from": "running"}),
        answering.event(8, "trial.metrics", last={"val_loss": 0.5}, step=3, points=2),
    ]
    out = tunectl("events", "digits").out
    assert "digits/1" in out
    assert "running → failed: exit code 3" in out
    assert "step 3: val_loss=0.5" in out


def test_points_of_ones_own_are_of_as_many_as_there_are(tunectl: Any, daemon: Any) -> None:
    daemon.routes["GET /v1/studies/digits"]["study"] |= {"trials": 1, "counts": {"completed": 2}}
    assert "2 completed, of 2" in tunectl("show", "digits").out
