"""Whether a run may start: what it will consume at least, against the limits and the policies."""

from __future__ import annotations

from collections.abc import Iterator

from nika_core import codes
from nika_core.app.forecasting import forecast, models_called
from nika_core.app.prepared_run import PreparedRun
from nika_core.engine.llm.estimate import RunForecast, check_budget
from nika_core.errors import RefusedError
from nika_core.plugin import Admission, Facets, Stage


def check_admission(prepared: PreparedRun) -> None:
    """Raise RefusedError (exit 3) if a policy refuses the run, or its low estimate alone is over a limit."""
    for refusal in refusals(prepared):
        raise refusal


def refusals(prepared: PreparedRun, run_forecast: RunForecast | None = None) -> Iterator[RefusedError]:
    """Yield every reason not to start. Raise NikaError if the forecast cannot be made.

    Args:
        run_forecast: the run's forecast, if it is there already.
    """
    whole = forecast(prepared) if run_forecast is None else run_forecast
    try:
        check_budget(whole, prepared.bounds, prepared.certain)
    except RefusedError as error:
        yield error
    yield from _policies_refusals(prepared, whole)


def _policies_refusals(prepared: PreparedRun, whole: RunForecast) -> Iterator[RefusedError]:
    limits = prepared.limits.amounts
    asked = [policy for policy in prepared.workspace.policies if Stage.RUN in policy.stages(limits)]
    if not asked:
        return
    parts = list(prepared.everywhere())
    models = dict.fromkeys(model for each in parts for model in models_called(each))
    effects = [
        effect
        for each in parts
        for task in each.workflow.tasks
        if task.inner is None
        for effect in each.asked(task, Facets.effects)
    ]
    admission = Admission(
        Stage.RUN,
        prepared.workflow.name,
        tokens=whole.tokens_high,
        cost_usd=whole.cost_high,
        digests=prepared.digests,
        models=tuple(dict.fromkeys(model for model, _ in models)),
        providers=tuple(dict.fromkeys(provider for _, provider in models if provider)),
        keywords=tuple(dict.fromkeys(task.keyword for each in parts for task in each.workflow.tasks)),
        effects=tuple(dict.fromkeys(effects)),
    )
    admission = prepared.policy_facts.of_admission(admission)
    for policy in asked:
        refusal = policy.admit(admission)
        if refusal is not None:
            yield RefusedError(refusal.code or codes.POLICY_REFUSED, refusal.reason, hint=refusal.hint)
            return
