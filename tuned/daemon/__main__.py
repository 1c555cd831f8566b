"""`python -I -m tuned.daemon run|recover|rebuild --home DIR`: one process a state folder, in the foreground.

Owns the command line, the lock on the state folder, and logging. A daemon that cannot start says why in one line.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tuned import protocol
from tuned.core.allowed import AT_ONCE
from tuned.core.errors import InvalidInput, TunedError, Unavailable
from tuned.daemon import threads, unneeded
from tuned.daemon.ownership import Ownership
from tuned.daemon.repeats import Repeats
from tuned.home import Home, home_at, prepare_home, resolve_home

ENV_SLOTS = "TUNED_SLOTS"
REFUSED = 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tuned.daemon", description="The tuned daemon, in the foreground.")
    parser.add_argument("verb", choices=["run", "recover", "rebuild"])
    parser.add_argument("--home", type=Path, help="state folder; default: as tunectl finds it")
    parser.add_argument("--dry-run", action="store_true", help="of recover and rebuild: only say what would be done")
    parser.add_argument("--slots", type=int, help="trials at once on the CPU; default: half the cores")
    return parser.parse_args()


def slots_asked(environ: Mapping[str, str]) -> int | None:
    """How many trials at once `TUNED_SLOTS` asks for; None when it is not set.

    Raises:
        InvalidInput: It is no number, or none would run.
    """
    text = environ.get(ENV_SLOTS, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and AT_ONCE[0] <= int(text) <= AT_ONCE[1]):
        hint = f"write {AT_ONCE[0]} to {AT_ONCE[1]}, or unset it"
        raise InvalidInput(f"{text[:30]!r} is no number of trials", where=ENV_SLOTS, hint=hint)
    return int(text)


def _repair(verb: str, home: Home, *, dry: bool) -> int:
    """Make the database whole while no daemon runs, or say how, whoever runs; prints one JSON document."""
    from tuned.daemon.recovery import offline

    repair = offline.recover if verb == "recover" else offline.rebuild
    try:
        print(offline.as_json(repair(home, dry=dry)))  # noqa: T201  tunectl reads it
    except TunedError as error:
        print(f"tuned: {error}", file=sys.stderr)  # noqa: T201
        return REFUSED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"tuned: {where}{error.strerror}; what was there is kept (mend that, then {verb} again)", file=sys.stderr)  # noqa: T201
        return REFUSED
    return 0


def refusal_of(error: Exception) -> TunedError | None:
    """Why the daemon cannot run, where that is the machine's or a file's fault; None for a mistake of ours."""
    if isinstance(error, TunedError):
        return error
    if threads.is_lack(error):
        return Unavailable(str(error), hint=protocol.WHEN_SCARCE)
    if not isinstance(error, OSError) or not error.strerror:
        return None
    where = None if error.filename is None else os.fsdecode(error.filename)
    if error.errno in protocol.SCARCE:
        return Unavailable(error.strerror, where=where, hint=protocol.WHEN_SCARCE)
    return None if where is None else Unavailable(error.strerror, where=where, hint="see its mode, owner and disk")


def first_line(error: Exception) -> str:
    """The beginning of an error's message; some run on for pages."""
    return str(error).strip().partition("\n")[0][:200]


def log_to_stderr() -> None:
    """Begin to log, without the same warning over and over."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Repeats())
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, handlers=[handler])
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def main() -> int:
    """Run until told to stop; exit code 0, or 1 with one line that says why not."""
    arguments = _arguments()
    log_to_stderr()
    try:
        asked = {ENV_SLOTS: str(arguments.slots)} if arguments.slots is not None else os.environ
        slots = slots_asked(asked)
        home = home_at(arguments.home, "--home") if arguments.home else resolve_home()
        prepare_home(home)
        if arguments.dry_run:
            return _repair(arguments.verb, home, dry=True)
        ownership = Ownership(home)
    except TunedError as error:
        print(f"tuned: {error}", file=sys.stderr)  # noqa: T201  this is its command line
        return REFUSED
    if arguments.verb != "run":
        with contextlib.closing(ownership):
            return _repair(arguments.verb, home, dry=False)
    unneeded.leave_out()
    from tuned.daemon.app import run_daemon

    threads.spare_watchers()
    try:
        asyncio.run(run_daemon(home, slots, ownership))
    except Exception as error:  # the log gets it all, and its last line is what tunectl shows
        refusal = refusal_of(error)
        if refusal is not None:
            print(f"tuned: {refusal}", file=sys.stderr)  # noqa: T201
            return REFUSED
        logging.getLogger(__name__).exception("the daemon broke down")
        print(f"tuned: this is a bug in tuned: {type(error).__name__}: {first_line(error)}", file=sys.stderr)  # noqa: T201
        return REFUSED
    finally:
        ownership.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
