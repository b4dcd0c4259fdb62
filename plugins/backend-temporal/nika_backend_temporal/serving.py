"""A worker: it drives runs, and does the tasks of its keywords, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig

from nika_backend_temporal import names
from nika_backend_temporal.activities import Works
from nika_backend_temporal.kernels import use_kernel
from nika_backend_temporal.other_loop import OtherLoop
from nika_backend_temporal.workflow import NikaRun
from nika_core.plugin import BackendKernel, WorkerOptions

_STICKY: Final = timedelta(seconds=2)  # a killed worker that held a run costs no more
_AT_HOME: Final = 1000  # tasks at once that stay here: one that had to wait would look as if this worker had died
_SEEN: Final = 30.0  # seconds that the server has to know of a new worker
_LONGEST_STEP: Final = 60.0  # seconds of one step of a run; the library gives two, which a busy machine does not keep
_DRAIN: Final = timedelta(minutes=10)  # that tasks have to end when the worker is told to stop


async def serve(
    client: Client,
    kernel: BackendKernel,
    options: WorkerOptions,
    *,
    large: bool,
    seen: Callable[[], Awaitable[bool]],
) -> None:
    """Take work until `options.stop` returns; then end what there is, and return.

    Args:
        large: whether large values travel: there is a place for them that all machines share.
        seen: returns whether the server knows that this worker is there.
    """
    use_kernel(kernel)
    # An attempt that fails is no fault of the worker, and the run's events tell it.
    logging.getLogger("temporalio.activity").setLevel(logging.ERROR)
    loop = OtherLoop("nika-tasks")
    loop.start()
    own_queue = names.own_queue()
    works = Works(client, kernel, loop, own_queue, large=large)
    closer = asyncio.create_task(works.close_idle())
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(_worker(client, works, own_queue, _AT_HOME))
            version = kernel.version()
            for keyword in ("", *options.keywords):
                queue = names.queue_of(keyword)
                await stack.enter_async_context(_worker(client, works, queue, options.concurrency, version))
            with suppress(TimeoutError):
                async with asyncio.timeout(_SEEN):
                    while not await seen():  # noqa: ASYNC110  # the server is asked, and tells nobody
                        await asyncio.sleep(0.05)
            options.ready()
            await options.stop()
    finally:
        closer.cancel()
        await works.close()
        loop.stop()


def _worker(client: Client, works: Works, queue: str, concurrency: int, version: str = "") -> Worker:
    drives = queue == names.RUNS
    pinned = WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(names.DEPLOYMENT, version),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[NikaRun] if drives else [],
        deployment_config=pinned if drives else None,  # whoever does a task checks the versions of its plugin itself
        activities=[works.work, works.home],
        # What drives a run is deterministic by itself, and a sandbox hides the installed plugins from it.
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_activities=concurrency,
        max_heartbeat_throttle_interval=timedelta(seconds=0.5),
        default_heartbeat_throttle_interval=timedelta(seconds=0.5),
        sticky_queue_schedule_to_start_timeout=_STICKY,
        graceful_shutdown_timeout=_DRAIN,
    )
    if drives:
        # Starting a thousand tasks is one step. If it is taken for a deadlock, the run stands still for minutes; the
        # driver of a run waits for nothing, so there is none. The library has no option for it but one for debuggers.
        vars(worker._workflow_worker)["_deadlock_timeout_seconds"] = _LONGEST_STEP
    return worker
