"""What all tasks of one run in this process have in common: from it comes what each attempt is given."""

from __future__ import annotations

from collections.abc import Callable

from nika_core.engine.core.messages import CoreEvent
from nika_core.engine.core.run_plan import RunRequest
from nika_core.engine.fair_turns import FairTurns
from nika_core.engine.local.emitter import Emitter
from nika_core.engine.local.observers import Observers
from nika_core.engine.local.resources import Resources
from nika_core.engine.local.services import Services
from nika_core.engine.task.deadlines import Deadlines
from nika_core.engine.task.services import KeywordBinder, TaskServices
from nika_core.model.usage import NOTHING, Usage


class RunContext:
    """Made once per run. `spent`: what the run has really used so far; `own`, of it, not for calls to models."""

    def __init__(
        self, request: RunRequest, services: Services, observers: Observers, post: Callable[[CoreEvent], None]
    ) -> None:
        self.request = request
        self.services = services
        self.clock = services.clock
        self.emitter = Emitter(request, services, observers)
        self.deadlines = Deadlines(services.clock)
        self.resources = Resources()
        self.spent: Usage = NOTHING
        self.own: Usage = NOTHING
        self.task_services = TaskServices(
            keyword=KeywordBinder(
                services.keyword, services.step, services.settings, request.limits, services.distribution
            ),
            facets=services.facets,
            reporter=self.emitter,
            spending=self,
            report=post,
            caller=services.caller,
            call_cache=services.call_cache,
            resources=self.resources,
            policies=services.policies,
            start=FairTurns().acquire,
            deadlines=self.deadlines,
            clock=services.clock,
            environ=request.environ,
            grace=request.grace,
            random=services.random,
            answer=services.answer,
            attended=services.attended,
            arrived=services.arrived,
            late=services.late,
            trace=services.trace,
            tape=services.tape,
        )

    def spend(self, usage: Usage, *, own: bool = False) -> None:
        """Count for the whole run what was really used."""
        self.spent = self.spent + usage
        if own:
            self.own = self.own + usage
