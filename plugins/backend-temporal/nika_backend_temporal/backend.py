"""The backend as the kernel calls it, on the machine that submits and on workers."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.common import PinnedVersioningOverride, WorkerDeploymentVersion, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from nika_backend_temporal import names
from nika_backend_temporal.address import Address
from nika_backend_temporal.blob_stores import blob_store
from nika_backend_temporal.connecting import connect, errors_of, let_go
from nika_backend_temporal.histories import definition_in, earlier_histories
from nika_backend_temporal.large_payloads import MOST, LargePayloads, size_of
from nika_backend_temporal.live_text import WatchedTexts
from nika_core.plugin import (
    BackendRun,
    BackendSetup,
    JsonObject,
    RunUpdate,
    Submission,
    UsageError,
    WorkerOptions,
    codes,
)

_REGISTERED: Final = 15.0  # seconds that the server has to know the first worker of a version
_RECENT: Final = 75  # seconds since a worker has asked for work; it asks again within 60
_LOOK: Final = 0.3  # seconds between the first two looks at a run
_SELDOM: Final = 1.0  # seconds between later ones: a look makes its worker stop for a moment
_ANSWER: Final = 3.0  # seconds that a worker has to say how a run stands
_REPLAY: Final = 300.0  # seconds that it has to go through a history of 10,000 events
_STATUS: Final = {
    WorkflowExecutionStatus.RUNNING: "running",
    WorkflowExecutionStatus.CONTINUED_AS_NEW: "running",
    WorkflowExecutionStatus.COMPLETED: "ended",
    WorkflowExecutionStatus.CANCELED: "cancelled",
    WorkflowExecutionStatus.TERMINATED: "cancelled",
    WorkflowExecutionStatus.FAILED: "failed",
    WorkflowExecutionStatus.TIMED_OUT: "failed",
}


class TemporalBackend:
    """See `nika_core.plugin.Backend`."""

    def __init__(self, setup: BackendSetup) -> None:
        self._setup = setup
        self._address = Address(setup.url, setup.environ)
        self._store = blob_store(setup.shared, self._address.blobs)
        self._client: Client | None = None

    async def _connected(self) -> Client:
        if self._client is None:
            codec = LargePayloads(self._store, self._setup.kernel.prepare)
            self._client = await connect(self._address, codec)
        return self._client

    async def submit(self, submission: Submission) -> None:
        """Start a run."""
        client = await self._connected()
        missing = await self._without_workers(client, submission.keywords)
        if missing:
            names_ = " and ".join(f"`{word}`" if word else "runs" for word in missing)
            raise UsageError(
                f"no worker offers {names_} at {self._address.target}, namespace '{self._address.namespace}'",
                code=codes.USAGE,
                hint=f"start one where these plugins are installed: nika worker --on {shlex.quote(self._address.url)}",
            )
        start = {"definition": submission.definition, "large": self._store is not None}
        size = size_of(start)
        if self._store is None and size > MOST:
            raise UsageError(
                f"the run's files and inputs have {size:,} bytes, and at most {MOST:,} travel without a shared folder",
                code=codes.SIZE_LIMIT,
                hint="--shared DIR, or a blob store in the address, for the submission and for each worker",
            )
        pinned = PinnedVersioningOverride(WorkerDeploymentVersion(names.DEPLOYMENT, await self._version()))
        end = time.monotonic() + _REGISTERED
        async with errors_of(self._address):
            while True:
                try:
                    await client.start_workflow(
                        names.WORKFLOW,
                        start,
                        id=submission.run_id,
                        task_queue=names.RUNS,
                        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                        memo={"workflow": submission.workflow},
                        versioning_override=pinned,
                    )
                except WorkflowAlreadyStartedError:
                    raise UsageError(f"there is a run {submission.run_id} already") from None
                except RPCError as error:  # the server takes a moment to know the first worker of a version
                    if "is not present in task queue" not in error.message or time.monotonic() > end:
                        raise
                    await asyncio.sleep(_LOOK)
                else:
                    return

    async def _version(self) -> str:
        """Return the version that drives a new run: that of this machine, or one with the same version of Nika."""
        own, there = self._setup.kernel.version(), await self.versions()
        if own in there:
            return own
        like = [each for each in there if each.partition("-")[0] == own.partition("-")[0]]
        if not like:
            raise UsageError(
                f"no worker has the version of this machine, {own}; there are: {', '.join(there) or 'none'}",
                code=codes.USAGE,
                hint="install the same version of Nika on all machines",
            )
        if self._setup.notice is not None:
            self._setup.notice(
                f"the workers have other plugins than this machine ({own}): the run is driven by those with {like[0]}"
            )
        return like[0]

    async def versions(self) -> Mapping[str, int]:
        """Return how many workers there are of each version."""
        client = await self._connected()
        found: Counter[str] = Counter()
        for poller in await self._pollers_of(client, "", TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW):
            if poller.last_access_time.ToSeconds() > time.time() - _RECENT:
                found[poller.deployment_options.build_id] += 1
        return dict(found.most_common())

    async def events(self, run_id: str, since: int = 0) -> AsyncIterator[RunUpdate]:
        """Follow a run."""
        handle = await self._handle(run_id)
        over = asyncio.ensure_future(handle.result())  # the server says it at once, which no look could
        try:
            async for update in self._updates(handle, run_id, since, over):
                yield update
        finally:
            if over.cancel():
                let_go()
            await asyncio.gather(over, return_exceptions=True)

    async def _updates(
        self, handle: WorkflowHandle[Any, Any], run_id: str, since: int, over: asyncio.Future[Any]
    ) -> AsyncIterator[RunUpdate]:
        told, pause, watched = "", _LOOK, WatchedTexts()
        if since == 0:
            async for events, unknown in self._events_of_earlier_histories(handle, run_id):
                since = events[-1]["seq"] if events else since
                yield RunUpdate(events=events, held_up=unknown)
        while True:
            description = await self._describe(handle, run_id)
            ended = description.status not in (
                WorkflowExecutionStatus.RUNNING,
                WorkflowExecutionStatus.CONTINUED_AS_NEW,
            )
            result, last = await self._result_and_events(handle) if ended else (None, [])
            if last and last[0]["seq"] <= since + 1:
                held_up = ""
                view: dict[str, Any] = {"events": last[since + 1 - last[0]["seq"] :], "waiting": [], "idle": False}
            else:
                view, unknown = await self._view(handle, since, seconds=_REPLAY if ended else _ANSWER)
                view["events"] = view["events"] or last
                what = f"what the run did after its event {since}" if ended else "how the run stands"
                held_up = f"{what} is not known: {unknown}" if unknown else ""
            events = tuple(view["events"])
            since = events[-1]["seq"] if events else since
            if view.get("more"):
                yield RunUpdate(events=events)
                continue
            news = held_up if held_up != told else ""
            told = held_up
            yield RunUpdate(
                events=events,
                waiting=tuple(view["waiting"]),
                idle=view["idle"],
                result=result,
                held_up=news,
                live=watched.news(await self._live(description)),
            )
            if ended:
                return
            if over.done():
                await asyncio.sleep(_LOOK)  # the server was away for a moment, or says it before it shows it
            else:
                await asyncio.wait([over], timeout=pause)
                pause = _LOOK if view["idle"] else min(pause * 1.5, _SELDOM)

    async def _events_of_earlier_histories(
        self, handle: WorkflowHandle[Any, Any], run_id: str
    ) -> AsyncIterator[tuple[tuple[JsonObject, ...], str]]:
        """Yield the events that a run with a new history no longer knows, and why the rest of them is not known."""
        description = await self._describe(handle, run_id)
        since = 0
        async with errors_of(self._address):
            async for earlier in earlier_histories(await self._connected(), description):
                more = True
                while more:
                    view, unknown = await self._view(earlier, since, seconds=_REPLAY)
                    more = bool(view.get("more"))
                    if unknown:
                        yield (), f"what the run did after its event {since} is not known: {unknown}"
                        return
                    if view["events"]:
                        since = view["events"][-1]["seq"]
                        yield tuple(view["events"]), ""

    async def _live(self, description: Any) -> list[JsonObject]:
        """Return what the last heartbeats of running tasks carry of their texts."""
        client = await self._connected()
        pending = description.raw_description.pending_activities
        payloads = [payload for each in pending for payload in each.heartbeat_details.payloads[1:2]]
        return [each for each in await client.data_converter.decode(payloads) if each is not None]

    async def signal(self, run_id: str, signal: JsonObject) -> None:
        """Hand a signal to a run."""
        handle = await self._handle(run_id)
        await self._sent(run_id, handle.signal(names.SIGNAL, dict(signal)))

    async def cancel(self, run_id: str, reason: str) -> None:
        """Cancel a run."""
        handle = await self._handle(run_id)
        await self._sent(run_id, handle.signal(names.CANCEL, reason))

    async def result(self, run_id: str) -> JsonObject | None:
        """Return the result of a run."""
        handle = await self._handle(run_id)
        description = await self._describe(handle, run_id)
        if description.status in (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW):
            return None
        return await self._result(handle)

    async def definition(self, run_id: str) -> JsonObject:
        """Return what was submitted."""
        handle = await self._handle(run_id)
        await self._describe(handle, run_id)
        return await definition_in(await self._connected(), handle)

    async def runs(self, limit: int = 100) -> Sequence[BackendRun]:
        """Return the runs."""
        client = await self._connected()
        found: list[BackendRun] = []
        async with errors_of(self._address):
            async for each in client.list_workflows(f"WorkflowType = '{names.WORKFLOW}'", limit=limit):
                status = _STATUS.get(each.status, "unknown") if each.status is not None else "unknown"
                workflow = str((await each.memo()).get("workflow", ""))
                ended = each.close_time.timestamp() if each.close_time else None
                if status == "ended":
                    with suppress(UsageError):  # its result lies where this machine does not look
                        status = str((await self.result(each.id) or {}).get("status", status))
                found.append(
                    BackendRun(
                        run_id=each.id,
                        workflow=workflow,
                        status=status,
                        started_at=each.start_time.timestamp(),
                        ended_at=ended,
                    )
                )
        return found

    async def offered(self) -> Mapping[str, int]:
        """Return how many workers offer each keyword."""
        client = await self._connected()
        words = list(self._setup.kernel.keywords())
        counts = await asyncio.gather(*(self._pollers(client, word) for word in words))
        return dict(zip(words, counts, strict=True))

    async def serve(self, options: WorkerOptions) -> None:
        """Be a worker."""
        from nika_backend_temporal.serving import serve

        client = await self._connected()

        async def seen() -> bool:
            pollers = await self._pollers_of(client, "", TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)
            drives = client.identity in {poller.identity for poller in pollers}
            return drives and not await self._without_workers(client, options.keywords, client.identity)

        await serve(client, self._setup.kernel, options, large=self._store is not None, seen=seen)

    async def close(self) -> None:
        """Let go of the connection."""
        self._client = None

    # ---- the server

    async def _handle(self, run_id: str) -> WorkflowHandle[Any, Any]:
        return (await self._connected()).get_workflow_handle(run_id)

    async def _describe(self, handle: WorkflowHandle[Any, Any], run_id: str) -> Any:
        async with errors_of(self._address):
            try:
                return await handle.describe()
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND and "amespace" not in error.message:
                    raise _no_such_run(run_id, self._address) from None
                raise

    async def _sent(self, run_id: str, sending: Any) -> None:
        async with errors_of(self._address):
            try:
                await sending
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND or "amespace" in error.message:
                    raise
                if "completed" in error.message:
                    raise UsageError(f"the run {run_id} has ended", code=codes.SIGNAL_REFUSED) from None
                raise _no_such_run(run_id, self._address) from None

    async def _view(
        self, handle: WorkflowHandle[Any, Any], since: int, *, seconds: float = _ANSWER
    ) -> tuple[dict[str, Any], str]:
        """Return what a worker says of a run, and why none can if so."""
        nothing: dict[str, Any] = {"events": [], "waiting": [], "idle": False}
        try:
            async with asyncio.timeout(seconds):
                view: dict[str, Any] = await handle.query(names.VIEW, since)
                return view, ""
        except (TimeoutError, RPCError) as error:
            if isinstance(error, TimeoutError):
                let_go()
            why = error.message if isinstance(error, RPCError) else "no worker answers"
            return nothing, f"{why}{await self._kept_by(handle)}"
        except Exception as error:  # the workflow itself cannot be driven by the worker that was asked
            return nothing, str(error)

    async def _kept_by(self, handle: WorkflowHandle[Any, Any]) -> str:
        """Return which workers can say how a run stands, as the end of a sentence."""
        with suppress(RPCError, UsageError):
            about = (await handle.describe()).raw_description.workflow_execution_info.versioning_info
            version = about.versioning_override.pinned.version.build_id or about.deployment_version.build_id
            others = sorted(set(await self.versions()) - {version})
            there = f", and there are some of {' and '.join(others)}" if others else ""
            return f" (it stays with workers of version {version}, with which it began{there})" if version else ""
        return ""

    async def _result(self, handle: WorkflowHandle[Any, Any]) -> JsonObject:
        return (await self._result_and_events(handle))[0]

    async def _result_and_events(self, handle: WorkflowHandle[Any, Any]) -> tuple[JsonObject, list[JsonObject]]:
        """Return the result of a run that has ended, and its last events."""
        try:
            result = dict(await handle.result())
        except WorkflowFailureError as error:
            run_id = handle.id
            raise UsageError(
                f"the run {run_id} was ended from outside: {error.cause}", code=codes.EXECUTION_FAILED
            ) from None
        return result, result.pop(names.LAST_EVENTS, [])

    async def _without_workers(self, client: Client, words: Sequence[str], identity: str | None = None) -> list[str]:
        """Return the keywords that no worker offers, or not the one of this identity; "" stands for runs themselves."""
        asked = ["", *words]
        counts = await asyncio.gather(*(self._pollers(client, word, identity) for word in asked))
        return [word for word, count in zip(asked, counts, strict=True) if not count]

    async def _pollers(self, client: Client, word: str, identity: str | None = None) -> int:
        pollers = await self._pollers_of(client, word, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
        return len({poller.identity for poller in pollers if identity in (None, poller.identity)})

    async def _pollers_of(self, client: Client, word: str, kind: TaskQueueType.ValueType) -> Sequence[Any]:
        request = DescribeTaskQueueRequest(
            namespace=self._address.namespace,
            task_queue=TaskQueue(name=names.queue_of(word)),
            task_queue_type=kind,
        )
        async with errors_of(self._address):
            answer = await client.workflow_service.describe_task_queue(request)
        return list(answer.pollers)


def _no_such_run(run_id: str, address: Address) -> UsageError:
    return UsageError(
        f"there is no run '{run_id}' at {address.target}, namespace '{address.namespace}'",
        code=codes.UNKNOWN_RUN,
        hint=f"nika runs list --on {shlex.quote(address.url)}",
    )
