"""One registry of verbs: every front end takes names, words and costs from it, and the daemon acts as it says."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tui.actions import ACTIONS, Danger
from tuned.cli.root import root
from tuned.client import api
from tuned.core.states import TrialState
from tuned.core.verbs import BY_NAME, EXAMPLES, GROUPS, NOT_A_VERB, OTHER_NAMES, STEERING, VERBS, Kind
from tuned.daemon.api import make_api

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_names_are_single_and_each_has_a_command() -> None:
    assert len(BY_NAME) == len(VERBS)
    context = click.Context(root)
    assert root.list_commands(context) == [verb.name for verb in VERBS]
    for verb in VERBS:
        command = root.get_command(context, verb.name)
        assert command is not None and command.help, verb.name


def test_only_losses_without_a_way_back_are_called_destruction() -> None:
    for verb in VERBS:
        assert verb.meaning.endswith(".") and verb.meaning[0].isupper(), verb.name
        if verb.kind is Kind.DESTROY:
            assert verb.loses and not verb.undo, verb.name
        if verb.kind is Kind.READ:
            assert not (verb.loses or verb.undo or verb.done), verb.name
        if verb.undo:
            assert verb.undo.split()[0] in BY_NAME, verb.name


def test_the_api_has_a_route_of_each_steering_verb_with_its_words() -> None:
    paths = make_api(None).openapi()["paths"]  # type: ignore[arg-type]
    for verb in STEERING:
        described = paths[f"/v1/{verb.name}"]["post"]["description"]
        if verb.name != "pause":  # its levels have costs of their own
            assert described.startswith(verb.meaning) and verb.cost in described
        assert api.act(verb.name, ["s/1"]).path == f"/{verb.name}"
    with pytest.raises(ValueError, match="delete"):
        api.act("delete", ["s"])


@pytest.mark.parametrize("name", [verb.name for verb in STEERING if verb.name not in ("pause", "retry")])
def test_the_command_line_says_meaning_and_cost(name: str) -> None:
    text = " ".join(CliRunner().invoke(root, [name, "--help"]).output.split())
    assert BY_NAME[name].meaning in text and BY_NAME[name].cost in text
    listed = " ".join(CliRunner().invoke(root, ["--help"]).output.split())
    assert all(verb.meaning in listed for verb in VERBS)


def test_the_terminal_ui_asks_before_every_destruction() -> None:
    asked = {action.verb or action.id for action in ACTIONS if action.danger is Danger.ASKS}
    assert {verb.name for verb in VERBS if verb.kind is Kind.DESTROY and verb.name != "gc"} <= asked
    for action in ACTIONS:
        if action.verb in BY_NAME:
            assert action.states >= BY_NAME[action.verb].states and action.studies == BY_NAME[action.verb].studies


def test_the_documented_table_is_the_present_one() -> None:
    spec = importlib.util.spec_from_file_location("verbs_table", DOCS / "verbs_table.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    text = (DOCS / "steering.md").read_text()
    assert script.with_table(text) == text, "run: python docs/verbs_table.py"
    with pytest.raises(ValueError, match="markers"):
        script.with_table("# Steering\n")


def test_every_state_is_steered_by_some_verb() -> None:
    assert frozenset().union(*(verb.states for verb in STEERING)) == set(TrialState)


def test_each_verb_is_listed_under_one_heading() -> None:
    listed = [name for names in GROUPS.values() for name in names.split()]
    assert sorted(listed) == sorted(BY_NAME)


def test_habits_are_answered() -> None:
    def said(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(root, list(words))
        return done.exit_code, done.output

    assert said("help") == said("--help")
    assert said("help", "pause") == said("pause", "--help")
    assert said("version") == said("--version")
    assert said("ls", "--help")[1].startswith("Usage: root studies")
    for word, meant in NOT_A_VERB.items():
        assert said(word)[0] == 2 and f"did you mean {meant}?" in said(word)[1]
        assert meant.split()[0] in BY_NAME and word not in BY_NAME


def accepted(line: str) -> str:
    """The refusal of a command line by the parser; empty when it takes it. Nothing is done."""
    words = shlex.split(line, comments=True)
    place = next((i for i, word in enumerate(words) if word in ("|", "&&", ";", ">")), len(words))
    command: click.Command = root
    context, rest = click.Context(root, info_name="tunectl"), words[1:place]
    try:
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            if rest[0] in OTHER_NAMES:
                return ""
            name, found, rest = command.resolve_command(context, rest)
            assert found is not None
            command, context = found, click.Context(found, info_name=name, parent=context)
        command.make_context(context.info_name, rest, parent=context.parent)
    except click.exceptions.Exit:
        return ""
    except click.UsageError as error:
        return f"{line}: {error.format_message()}"
    return ""


def test_each_verbs_help_ends_with_an_example_that_is_taken_as_it_stands() -> None:
    assert list(EXAMPLES) == list(BY_NAME)
    for name, line in EXAMPLES.items():
        assert line.split()[:2] == ["tunectl", name]
        assert accepted(line) == ""
        assert f"Example: {line}" in " ".join(CliRunner().invoke(root, [name, "--help"]).output.split())


@pytest.mark.parametrize("page", [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))], ids=lambda page: page.stem)
def test_every_command_of_the_manual_is_taken_as_it_stands(page: Path) -> None:
    text = page.read_text()
    lines = re.findall(r"^\$ (tunectl .*)$", text, re.MULTILINE) + re.findall(r"`(tunectl [a-z-]+ [^`\n]+)`", text)
    # Forms with placeholders, options that are spoken of, and the one verb that asks on the terminal are left out.
    whole = [line for line in lines if not re.search(r"[A-Z]{2,}|\.\.\.|\[|<|^\S+ \S+ --\S+$|rebuild", line)]
    assert [refused for line in whole if (refused := accepted(line))] == []


def test_help_prints_pages_of_the_manual() -> None:
    words = CliRunner().invoke(root, ["help", "words"]).output
    assert "| fallback |" in words and 10 < words.count("\n| ") <= 22, "at most twenty words"
    wrong = CliRunner().invoke(root, ["help", "wrods"])
    assert wrong.exit_code == 2 and "did you mean words?" in wrong.output
