"""The MCP server on stdio: the tools, studies as resources, and the page for agents as instructions.

Owns the use of the package `mcp`, which nothing else imports.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp_types import ToolAnnotations

from tuned.agents.tools import Document, Tools, shortened
from tuned.core.errors import TunedError
from tuned.core.names import nearest
from tuned.core.verbs import Kind
from tuned.version import VERSION

RULES = """Queue training runs and hyperparameter searches on this machine's GPUs through the daemon `tuned`.
Do not start a training beside it, and do not poll: `wait` returns at the first thing worth a look.
One run of each of two trials does not say which is better: ask `verdict`, and keep the baseline while it is undecided.
A refusal names its cap (trials, gpu_hours, delete, others), which only a person widens: stop there, and report.
`why` gives the reason of a state as a code with the next command. Answers are bounded; `left_out` says by how much."""


class _Server(MCPServer):  # type: ignore[misc]  # its package is no dependency
    """Refuses arguments that a tool does not have: a `dryRun` that is left out in silence changes what is there."""

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Context | None = None) -> Any:
        """Call a tool.

        Raises:
            ToolError: It has no such argument, or refuses.
        """
        for tool in await self.list_tools():
            known = tool.input_schema["properties"]
            for key in arguments if tool.name == name else ():
                if key not in known:
                    raise ToolError(shortened(f"{name}: there is no argument {key!r} ({nearest(key, known)})"))
        return await super().call_tool(name, arguments, context)


def make_server(tools: Tools, page: str) -> MCPServer:
    """The server, with the tools that are offered.

    Args:
        tools: On one daemon.
        page: The manual's page for agents.
    """
    server = _Server("tuned", version=VERSION, instructions=RULES, log_level="WARNING")
    for tool in tools.offered():
        hints = ToolAnnotations(read_only_hint=tool.kind is Kind.READ, destructive_hint=tool.kind is Kind.DESTROY)
        server.tool(annotations=hints, structured_output=True)(_told(tool.function))

    def guide() -> str:
        """How to run experiments here: rules, a night, exit codes, codes of `why`."""
        return page

    def studies() -> str:
        """All studies."""
        return json.dumps(_told(tools.studies, ResourceError)())

    def study(name: str) -> str:
        """One study with its specification."""
        return json.dumps(_told(tools.show, ResourceError)(name))

    server.resource("tuned://guide", mime_type="text/markdown")(guide)
    server.resource("tuned://studies", mime_type="application/json")(studies)
    server.resource("tuned://studies/{name}", mime_type="application/json")(study)
    return server


def _told(function: Callable[..., Document], refusal: type[Exception] = ToolError) -> Callable[..., Document]:
    """The function, its refusals as errors that a model reads."""

    @functools.wraps(function)
    def run(*arguments: Any, **named: Any) -> Document:
        try:
            return function(*arguments, **named)
        except TunedError as error:
            raise refusal(shortened(str(error))) from error

    return run
