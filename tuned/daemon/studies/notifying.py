"""`notify`: runs a study's notify command now, to see whether it works."""

from __future__ import annotations

from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.wire import NoticeTried

router = make_router("steering")


@router.post("/studies/{name}/notify")
async def notify(name: str, given: Given) -> NoticeTried:
    """Run the study's notify command now, to see whether it works."""
    command, failure = await given.notifier.try_out(await given.study(name), given.dry_run)
    return NoticeTried(name, command, failure)
