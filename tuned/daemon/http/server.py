"""The socket and the HTTP server on it.

Owns binding (in a private folder, by us, because uvicorn would open it to everybody), the check of who connects, and
binding again when somebody removed the socket file.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from pathlib import Path
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import Server as UvicornServer

from tuned.core.errors import Unavailable
from tuned.daemon import failpoints
from tuned.daemon.http import bounds

log = logging.getLogger(__name__)

WATCH_S = 5.0


class OwnUserProtocol(H11Protocol):
    """HTTP/1.1 for processes of our own user (and root) alone, so many at a time, and none that is silent for ever."""

    _patience: asyncio.TimerHandle | None = None
    _heard = 0.0

    def connection_made(self, transport: Any) -> None:
        """Drop the connection of anybody else."""
        peer = transport.get_extra_info("socket")
        _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid not in (0, os.getuid()):
            log.warning("a process of user %d was turned away", uid)
            transport.abort()
            return
        if len(self.connections) >= bounds.MOST_CONNECTIONS:
            transport.write(bounds.refusal(503, *bounds.CROWDED))
            # Not closed at once: whoever is still writing its request would meet a broken pipe instead of the answer.
            transport.write_eof()
            self.loop.call_later(bounds.LINGER_S, transport.abort)
            return
        super().connection_made(transport)
        self._heard = self.loop.time()
        self._patience = self.loop.call_later(bounds.SILENCE_S, self._look)

    def data_received(self, data: bytes) -> None:
        """Note that somebody speaks."""
        if self._patience is None:
            return  # turned away
        self._heard = self.loop.time()
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn gives it
        """Answer what is no request, in the form of every other problem."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(bounds.refusal(400, *bounds.UNREADABLE))
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._patience is not None:
            self._patience.cancel()
            super().connection_lost(exc)

    def _look(self) -> None:
        """Close a connection on which nothing is asked, or a request is not finished."""
        asking = self.cycle is not None and not self.cycle.response_complete
        waits = not asking or (self.cycle.more_body and not self.cycle.response_started)
        silent = self.loop.time() - self._heard
        if waits and silent >= bounds.SILENCE_S:
            self.transport.close()
            return
        self._patience = self.loop.call_later(
            max(1.0, bounds.SILENCE_S - silent) if waits else bounds.SILENCE_S, self._look
        )


class Server(UvicornServer):
    """Leaves signals to the application."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Capture none."""
        yield


class Listener:
    """Serves an ASGI application on a Unix socket until closed.

    Args:
        path: Where the socket is to be; its folder exists and is private.
        app: The application.
    """

    def __init__(self, path: Path, app: Any) -> None:
        self._path = path
        self._app = bounds.Bounded(app)
        config = Config(
            self._app,
            http=OwnUserProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=bounds.STOP_S,  # type: ignore[arg-type]
            h11_max_incomplete_event_size=bounds.LARGEST_HEAD,
            timeout_keep_alive=30,
        )
        self._server = Server(config)
        self._socket: socket.socket | None = None
        self._inode = 0

    def bind(self) -> socket.socket:
        """Bind and listen, in place of a dead socket file.

        Raises:
            Unavailable: It cannot be bound.
        """
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            self._path.unlink(missing_ok=True)
            listening.bind(str(self._path))
        except OSError as error:
            listening.close()
            raise Unavailable(
                f"cannot listen: {error.strerror}",
                where=str(self._path),
                hint="remove what is there, or set TUNED_HOME to another folder",
            ) from error
        finally:
            os.umask(before)
        listening.listen(128)
        listening.setblocking(False)
        self._inode = self._path.stat().st_ino
        return listening

    async def serve(self) -> None:
        """Serve until `close`."""
        self._socket = self.bind()
        await self._server.serve(sockets=[self._socket])

    @property
    def started(self) -> bool:
        """Whether it answers."""
        return self._server.started

    async def watch(self) -> None:
        """Bind the socket anew when its file is gone, until cancelled: clean-up jobs remove old files."""
        while True:
            failpoints.reach("loop.socket")
            await asyncio.sleep(WATCH_S)
            try:
                present = self._path.stat().st_ino == self._inode
            except OSError:
                present = False
            if not present and self._server.started:
                log.warning("the socket file is gone: binding it again")
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with contextlib.suppress(Unavailable):
                    self._server.servers.append(await self._listen(self.bind()))

    async def _listen(self, listening: socket.socket) -> asyncio.Server:
        config, state = self._server.config, self._server.server_state
        return await asyncio.get_running_loop().create_server(
            lambda: OwnUserProtocol(config=config, server_state=state, app_state={}), sock=listening
        )

    def close(self) -> None:
        """Stop serving: finish what is being answered, then return from `serve`."""
        self._app.stopping = True
        self._server.should_exit = True
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
