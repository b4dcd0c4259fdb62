"""What a step leaves behind when its `run` has ended: tasks that it started, and uses of its context."""

from __future__ import annotations

import asyncio
import inspect
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any, Final
from unittest import mock

from nika_core.errors import TaskError
from nika_core.plugin import Step
from nika_core.testing.case import Case

_TURNS: Final = 10  # of the event loop, in which what was told to stop may end
_AFTERWARDS: Final = 0.3  # seconds in which a thread or a timer may still use a context
_OF_A_STEP: Final = ContextVar("_OF_A_STEP", default=False)


def leftovers(case: dict[str, Any]) -> list[str]:
    """Run a step twice in one run and return what it leaves behind, in words. For a process of its own."""
    sample = Case(**case)
    watch = _Watch()
    with tempfile.TemporaryDirectory() as folder:
        bench = sample.bench(Path(folder).resolve())

        async def run() -> None:
            factory: Any = watch.new_task  # what typeshed wants of one differs between versions of Python
            asyncio.get_running_loop().set_task_factory(factory)
            await bench.start(sample.text())
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            watch.look()  # now, since a task may belong to what the run shares and closes at its end
            await asyncio.sleep(_AFTERWARDS)

        from nika_core.registry import Registry

        new_step = Registry.new_step

        def watched(registry: Registry, word: str) -> Any:
            step = new_step(registry, word)
            return _WatchedStep(step, watch) if word == sample.word else step

        with mock.patch.object(Registry, "new_step", watched):
            asyncio.run(run())
    return list(dict.fromkeys(watch.seen))


class _Watch:
    """What was seen. `started`: the tasks that the step itself has started."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.started: list[asyncio.Task[Any]] = []

    def new_task(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any
    ) -> asyncio.Task[Any]:
        """Make a task of the event loop, and keep it if a step's own code asks for it."""
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **more)
        if _OF_A_STEP.get():
            self.started.append(task)
        return task

    def look(self) -> None:
        """See which tasks of the step still run."""
        for task in self.started:
            if not task.done() and not task.cancelling():
                name = getattr(task.get_coro(), "__qualname__", "a coroutine")
                self.seen.append(f"the task `{name}`, which is still running when the run has ended")


class _WatchedStep:
    """Runs a step, and runs it again: one that keeps its context may use it then."""

    def __init__(self, own: Step, watch: _Watch) -> None:
        self._own = own
        self._watch = watch

    async def run(self, payload: Any, context: Any) -> Any:
        result = await self._run(payload, context)
        with suppress(Exception):  # whether it can be done twice is not the question
            await self._run(payload, context)
        return result

    async def _run(self, payload: Any, context: Any) -> Any:
        watched = _WatchedContext(context, self._watch)
        token = _OF_A_STEP.set(True)
        try:
            return await self._own.run(payload, watched)
        finally:
            _OF_A_STEP.reset(token)
            watched.ended = True


class _WatchedContext:
    """A context that knows whether its step has ended."""

    def __init__(self, own: Any, watch: _Watch) -> None:
        self._own = own
        self._watch = watch
        self.ended = False

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._own, name)
        if name == "saved":
            self._require_running(name)
        if inspect.iscoroutinefunction(value):

            @wraps(value)
            async def of_the_kernel(*arguments: Any, **named: Any) -> Any:
                self._require_running(name)
                token = _OF_A_STEP.set(False)  # what the kernel starts for a step is not the step's
                try:
                    return await value(*arguments, **named)
                finally:
                    _OF_A_STEP.reset(token)

            return of_the_kernel
        if not inspect.ismethod(value):
            return value

        @wraps(value)
        def while_it_runs(*arguments: Any, **named: Any) -> Any:
            self._require_running(name)
            return value(*arguments, **named)

        return while_it_runs

    def _require_running(self, name: str) -> None:
        if self.ended:
            self._watch.seen.append(f"its context, of which `{name}` is used when `run` has ended")
            raise TaskError("the context was used after `run` had ended")
