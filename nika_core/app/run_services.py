"""What the engine is given for one run, from the registry and the project: the same here and on a worker elsewhere."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from nika_core.app.batchable_tasks import BatchableTasks
from nika_core.app.mock_shapes import Shape, wanted_outputs
from nika_core.app.mock_step import MockStep
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.rate_governor import governor_of
from nika_core.app.rendering import rendering
from nika_core.app.run_folder import RunFolder
from nika_core.app.run_policies import RunPolicies
from nika_core.app.run_secrets import late_values
from nika_core.document.checks.check_context import depends_on
from nika_core.engine.core.ports import InMemoryCallCache
from nika_core.engine.llm.batching import BatchPolicy
from nika_core.engine.llm.breaker import BreakerSettings
from nika_core.engine.llm.budget import Budget
from nika_core.engine.llm.caller import ResilientCaller
from nika_core.engine.local.services import Services
from nika_core.model.json import Json
from nika_core.plugin import Question, Step
from nika_core.registry import Kind

if TYPE_CHECKING:
    from nika_core.app.recording.tapes import RunTape


def run_services(
    prepared: PreparedRun,
    budget: Budget,
    folder: RunFolder,
    *,
    notice: Callable[..., None],
    policies: RunPolicies | None = None,
    batchable: BatchableTasks | None = None,
    detached: bool = False,
    answers: Callable[[str, Question], Json] | None = None,
    tape: RunTape | None = None,
) -> Services:
    """Return the services of a run that keeps no history; who keeps one replaces what has to do with it.

    Args:
        folder: that of the run, for `${run.folder}`.
        notice: tells the user something.
        batchable: the tasks that may wait for a batch; None: none does.
        detached: a task whose batch is not done is done again later, perhaps on another machine.
        answers: the answers to questions, in place of people.
        tape: records the run, or replays a recording.
    """
    workspace = prepared.workspace
    catalog, limits = workspace.registry, prepared.limits
    rendered, resolved = rendering(prepared, folder)

    @cache
    def wanted() -> dict[str, Shape]:
        return wanted_outputs(prepared)

    @cache
    def step(word: str) -> Step:
        keyword = catalog.keyword(word)
        if prepared.options.mock and not (keyword.only_asks or (prepared.options.replays and keyword.in_place)):
            return MockStep(catalog.facets(word), wanted)
        return catalog.new_step(word)

    caller = ResilientCaller(
        prepared.directory,
        budget,
        prices=prepared.prices,
        policies=policies,
        clock=workspace.clock,
        breaker=BreakerSettings.of(limits),
        batch_policy=None
        if batchable is None
        else BatchPolicy(batchable.eligible, patience=batchable.longest, detached=detached),
        models=workspace.project.models,
        labels=prepared.masker.json(dict(workspace.project.labels)),
        governor=governor_of(workspace, notice),
    )
    return Services(
        keyword=catalog.keyword,
        step=step,
        facets=catalog.facets,
        render=rendered,
        resolve=resolved,
        depends_on=partial(depends_on, catalog),
        settings=workspace.settings,
        distribution=lambda word: catalog.record(Kind.KEYWORD, word).distribution,
        caller=caller if tape is None else tape.on(caller),
        call_cache=InMemoryCallCache(),
        mask=prepared.masker.text,
        mask_stream=prepared.masker.stream,
        masks=partial(getattr, prepared.masker, "active"),
        add_secrets=prepared.masker.add,
        policies=policies,
        attend=caller.attend,
        clock=workspace.clock,
        random=_nothing if tape is not None and tape.replays else random.random,
        answer=answers,
        late=late_values(prepared, notice),
        tape=tape,
    )


def _nothing() -> float:
    return 0.0  # a replay waits for no retry
