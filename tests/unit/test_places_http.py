"""Requests to the head of a cluster behind https: who vouches for it, and what is said where nobody does."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tuned.places.http import Requests
from tuned.places.interface import Silent

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of 127.0.0.1, signed by itself; its key lies beside it."""
    made = tmp_path / "head.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key.pem", "-out", made,
         "-days", "2", "-subj", "/CN=head", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


@pytest.fixture
async def head(certificate: Path) -> AsyncIterator[str]:
    """The address of a head that answers every request with `ok`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_head_that_nobody_vouches_for_is_asked_once_a_file_does(head: str, certificate: Path) -> None:
    with pytest.raises(Silent, match=r"is not trusted: self-signed certificate \(name a file .* ca\)"):
        await Requests(head, "").ask("GET", "/api/version")
    assert (await Requests(head, "", str(certificate)).ask("GET", "/api/version")).text == "ok"


async def test_a_file_without_certificates_is_named(head: str, certificate: Path) -> None:
    absent, key = (certificate.with_name(name) for name in ("absent.pem", "key.pem"))
    for path in (absent, key):
        with pytest.raises(Silent, match=f"{path.name}: no certificate can be read"):
            await Requests(head, "", str(path)).ask("GET", "/api/version")
