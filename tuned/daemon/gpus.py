"""GPUs: the list, and leaving one to somebody else."""

from __future__ import annotations

from fastapi import APIRouter

from tuned.daemon.http.context import Given
from tuned.wire import GpuRow, GpuYield, GpuYielded

router = APIRouter(tags=["gpus"])


@router.get("/gpus")
async def gpus(given: Given) -> list[GpuRow]:
    """The cards of this machine; none on a machine without."""
    return await given.gpus.rows()


@router.post("/gpus/yield")
async def yield_(request: GpuYield, given: Given) -> GpuYielded:
    """Leave a card to somebody else for a while: the trials on it are paused, and go on elsewhere or afterwards."""
    return await given.gpus.yield_(request)
