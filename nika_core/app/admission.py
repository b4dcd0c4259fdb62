"""Whether a run may start: what it will consume at least, against the limits and the policies."""

from __future__ import annotations

from collections.abc import Iterator

from nika_core import codes
from nika_core.app.forecasting import forecast
from nika_core.app.prepared_run import PreparedRun
from nika_core.engine.llm.estimate import RunForecast, check_budget
from nika_core.errors import RefusedError
from nika_core.plugin import Admission, Stage


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
    admission = Admission(Stage.RUN, prepared.workflow.name, tokens=whole.tokens_high, cost_usd=whole.cost_high)
    refusal = prepared.workspace.admit(admission)
    if refusal is not None:
        yield RefusedError(refusal.code or codes.POLICY_REFUSED, refusal.reason, hint=refusal.hint)
