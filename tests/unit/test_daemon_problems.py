"""Refusals of values by their kind and bounds alone, in words that do not need the API's document."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import Field, TypeAdapter, ValidationError

from tuned.daemon.http import problems


async def refusal(kind: Any, value: Any, *loc: str) -> dict[str, Any]:
    """The problem that a request with this value would be answered with."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    errors = [{**error, "loc": loc} for error in caught.value.errors()]
    request: Any = None
    response = await problems._invalid(request, RequestValidationError(errors))
    assert response.status_code == 400
    found: dict[str, Any] = json.loads(bytes(response.body))
    return found


@pytest.mark.parametrize(
    ("kind", "value", "detail", "hint"),
    [
        (Annotated[int, Field(ge=1)], 0, "0 is too small", "give 1 or more"),
        (Annotated[int, Field(le=1000)], 5000, "5000 is too large", "give 1000 or less"),
        (Annotated[float, Field(gt=0, le=2678400.0)], 8553600, "8553600 is too large", "give 2678400 or less"),
        (Annotated[float, Field(gt=0)], 0, "0 is too small", "give more than 0"),
        (Annotated[int, Field(lt=2**53)], 2**53, f"{2**53} is too large", f"give less than {2**53}"),
        (Annotated[str, Field(max_length=3)], "x" * 99, "this text is too long", "give at most 3 characters"),
        (int, "soon", "'soon' is no whole number", "give a whole number"),
    ],
)
async def test_a_value_beyond_a_bound_is_told_with_what_works(kind: Any, value: Any, detail: str, hint: str) -> None:
    found = await refusal(kind, value, "query", "top")
    assert (found["where"], found["detail"], found["hint"]) == ("top", detail, hint)


async def test_every_other_fault_keeps_its_own_words_and_its_place() -> None:
    found = await refusal(list[int], 3, "body", "points", "0")
    assert found["where"] == "points.0" and found["detail"] == "should be a valid list"
    assert (await refusal(int, None, "body"))["where"] == "body"
