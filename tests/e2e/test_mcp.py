"""The MCP server, through the package's own client over stdio: what an agent sees, and a night that a cap ends."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.e2e.tunectl_process import Tunectl

mcp = pytest.importorskip("mcp", reason="the extra tuned-hpo[mcp] is not installed")
pytestmark = pytest.mark.e2e

READ = {"status", "studies", "show", "trials", "best", "metrics", "logs", "why", "wait", "events", "advise", "verdict"}
CHANGE = {"submit", "enqueue", "set", "steer", "confirm"}


class Agent:
    """A scripted agent: it calls tools, and reads their documents."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def __call__(self, tool: str, **arguments: Any) -> Any:
        answer = await self.client.call_tool(tool, arguments)
        assert not answer.is_error, answer.content[0].text
        return answer.structured_content

    async def refused(self, tool: str, **arguments: Any) -> str:
        answer = await self.client.call_tool(tool, arguments)
        assert answer.is_error, answer
        return str(answer.content[0].text)


@asynccontextmanager
async def agent(tunectl: Tunectl, *words: str) -> AsyncIterator[Agent]:
    command = mcp.StdioServerParameters(
        command=sys.executable, args=["-I", "-m", "tuned.cli", "mcp", *words], env=tunectl.env, cwd=tunectl.work
    )
    async with mcp.Client(command) as client:
        yield Agent(client)


async def test_it_reads_unless_asked_and_starts_without_caps_for_no_more(tunectl: Tunectl) -> None:
    tunectl.write(trials=3)
    tunectl("submit", "quad.toml", "--wait")
    async with agent(tunectl) as ask:
        tools = {tool.name: tool for tool in (await ask.client.list_tools()).tools}
        assert set(tools) == READ and all(tool.annotations.read_only_hint for tool in tools.values())
        assert (await ask("studies"))["studies"][0]["name"] == "quad"
        page = await ask("trials", study="quad", limit=2)
        assert ([row["number"] for row in page["trials"]], page["left_out"]) == ([1, 2], 1)
        assert (await ask("verdict", baseline="quad/1", candidate="quad/2"))["decision"] == "undecided"
        assert (await ask("logs", trial="quad/1", lines=1))["text"] == "step 3\n"
        assert (await ask("why", target="quad/1"))["reasons"][-1]["code"] == "completed"
        assert "there is no such study" in await ask.refused("show", target="none")
        resources = {str(resource.uri) for resource in (await ask.client.list_resources()).resources}
        assert resources == {"tuned://guide", "tuned://studies"}
        study = await ask.client.read_resource("tuned://studies/quad")
        assert json.loads(study.contents[0].text)["study"]["name"] == "quad"
        with pytest.raises(mcp.MCPError, match="there is no such study"):
            await ask.client.read_resource("tuned://studies/none")
        tunectl("queue", "--name", "long", "--", sys.executable, "-c", "print('x' * 100_000)")
        tunectl("wait", "long")
        end = await ask("logs", trial="long/1")
        assert end["text"].endswith("x\n") and len(end["text"]) + end["left_out_bytes"] == 100_001
        assert len(await ask.refused("show", target="x" * 100_000)) < 2100
        guide = await ask.client.read_resource("tuned://guide")
        assert guide.contents[0].text.startswith("# For programs")
    assert "--gpu-hours 8 or --trials 100" in tunectl("mcp", "--allow", "change", code=1)


async def test_a_night_of_a_scripted_agent_until_a_cap_halts_it(tunectl: Tunectl) -> None:
    tunectl.write(trials=4, pace=0.02)
    file = str(tunectl.work / "quad.toml")
    async with agent(tunectl, "--allow", "change", "--trials", "12", "--gpu-hours", "0.02") as ask:
        assert {tool.name for tool in (await ask.client.list_tools()).tools} == READ | CHANGE
        assert (await ask("submit", file=file, dry_run=True))["trials"] == 4 and not (await ask("studies"))["studies"]
        queued = await ask("submit", command=["true"], cwd=str(tunectl.work), name="line", dry_run=True)
        assert queued["study"] == "line" and queued["dry_run"] and not (await ask("studies"))["studies"]
        await ask("submit", file=file)
        seq, kinds = 0, []
        while "done" not in kinds:
            seen = await ask("wait", since=seq or None, timeout_s=120, until="best,failed,done")
            assert not seen["timed_out"], seen
            seq, kinds = seen["seq"], [*kinds, *(h["kind"] for h in seen["happened"])]
        best = (await ask("best", study="quad"))["trials"][0]["number"]
        baseline = 1 if best != 1 else 2
        judged = await ask("verdict", baseline=f"quad/{baseline}", candidate=f"quad/{best}")
        assert judged["decision"] == "undecided" and judged["next"].startswith("tunectl confirm quad")
        misspelt = await ask.refused("enqueue", study="quad", points=[{"x": 2.0}], dryrun=True)
        assert "there is no argument 'dryrun' (did you mean dry_run?)" in misspelt
        tried = await ask("enqueue", study="quad", points=[{"x": 2.0}], seeds=4, dry_run=True)
        assert len(tried["trials"]) == 4
        await ask("enqueue", study="quad", points=[{"x": 2.0}], seeds=4)
        refusal = await ask.refused("set", study="quad", values={"search.trials": "+20"})
        assert "caller.mcp.trials" in refusal and "may have 12 trials in all" in refusal
        # A script that never ends by itself: the hours end it.
        tunectl.write(trials=4, pace=600)
        await ask("submit", file=file, name="endless")
        tunectl(
            "mcp", "--allow", "destroy", "--gpu-hours", "9", "--trials", "999", TUNED_CALLER="mcp"
        )  # the agent does not widen it
        assert (await ask("status"))["callers"][0]["most_trials"] == 12
        tunectl("mcp", "--allow", "change", "--gpu-hours", "0.0001")  # a person narrows the cap
        halted = await ask("wait", since=seq, until="failed", timeout_s=120)
        assert halted["happened"][-1]["study"] == "endless" and "GPU-hours are used" in halted["happened"][-1]["reason"]
        assert "caller.mcp.gpu_hours" in await ask.refused("steer", verb="resume", targets=["endless"])
        assert "pause, resume" in await ask.refused("steer", verb="kill", targets=["endless"])
        row = next(row for row in (await ask("status"))["callers"] if row["name"] == "mcp")
        assert row["trials"] == 12 and row["hours"] >= row["most_hours"]
    asked = {e["type"] for e in tunectl.json("events", "quad") if e["caller"] == "mcp"}
    assert {"study.submitted", "trial.queued"} <= asked
