"""A probe of a place: a word written into its folder here, read and answered by a job there.

Owns the word, the job, and how long it is waited for.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from tuned.core.errors import TunedError
from tuned.core.places import Place
from tuned.places.interface import PREFIX, Engine, Refused, Stage, Submission, by_name

WITHIN_S = 30.0
"""Seconds until a probe that was not answered is given up."""
_LOOK_S = 0.2
_PROGRAM = (
    "import os, sys; word = open(sys.argv[1]).read(); new = sys.argv[2] + '.new'; "
    "open(new, 'w').write('%s %d.%d %s' % ((word,) + sys.version_info[:2] + (os.uname().nodename,))); "
    "os.rename(new, sys.argv[2])"
)


async def probe(place: Place, engine: Engine, root: Path) -> str:
    """The answer of a node of the place, in words. Its files and its job are gone afterwards.

    Raises:
        TunedError: No node answered, and why.
    """
    word = os.urandom(8).hex()
    asked, answer, log = (root / f"probe-{word}.{kind}" for kind in ("asked", "answer", "log"))
    name = f"{PREFIX}probe-{word}"
    python = place.python or "python3"
    try:
        asked.write_text(word)
        began = time.monotonic()
        command = (python, "-I", "-c", _PROGRAM, str(asked), str(answer))
        await engine.submit(Submission(name, command, str(log), 0, 0, 1))
        said = await _answer(place, engine, name, answer, str(log))
        heard, version, node = [*said.split(" "), "", ""][:3]
        if heard != word:
            raise Refused("a node reads another word than was written", where=str(asked))
        return f"{node} read and answered within {time.monotonic() - began:.1f} s, with Python {version}"
    except OSError as error:
        raise Refused(f"cannot be written: {error.strerror}", where=place.folder, hint="see its mode") from error
    finally:
        for path in (asked, answer, log):
            path.unlink(missing_ok=True)


async def _answer(place: Place, engine: Engine, name: str, answer: Path, log: str) -> str:
    deadline, where = time.monotonic() + WITHIN_S, f"place {place.name}"
    while time.monotonic() < deadline:
        try:
            return await asyncio.to_thread(answer.read_text)
        except FileNotFoundError:
            await asyncio.sleep(_LOOK_S)
    job = by_name(await engine.list((name,))).get(name)
    try:
        await engine.kill((name,))
    except TunedError as error:
        raise Refused("its probe cannot be removed", where=where) from error
    if job is not None and job.stage is Stage.WAITING:
        reason = f" ({job.reason})" if job.reason else ""
        raise Refused(f"its probe still waits in the queue after {WITHIN_S:.0f} s{reason}", where=where)
    line = (await engine.engine_log(name, log)).strip().splitlines()
    hint = "see [place] folder and python; both sides must see the folder under this path"
    raise Refused(f"no node has answered through {answer.parent}: {line[-1] if line else ''}", where=where, hint=hint)
