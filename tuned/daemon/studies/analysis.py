"""Analyses of a study: one route for all kinds."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query

from storage import repository
from tuned.core.errors import InvalidInput
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router

router = make_router("analysis")


@router.get("/studies/{name}/analysis/{kind}")
async def analysis(
    name: str,
    kind: str,
    given: Given,
    option: Annotated[list[str] | None, Query()] = None,
    other: Annotated[list[str] | None, Query()] = None,
) -> dict[str, Any]:
    """Verdicts, tables and figures on a study: `effects`, `advise` and others.

    Each `option` is `key=value`; `other` names more studies where a kind compares several. An ensemble that is measured
    on a test split counts as a look at it.
    """
    options = {}
    for text in option or ():
        key, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput("an option is key=value", where="option", hint="such as option=param=lr")
        options[key] = value
    answer = await given.analysing.analyse(kind, name, options, other or ())
    if kind == "ensemble" and "test" in options:
        study = await given.study(name)
        await given.commit(lambda conn: repository.count_test_look(conn, study.id))
    return answer
