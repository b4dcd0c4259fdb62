"""A run's result and events as JSON, in the form that the command line promises (`--format json` and `jsonl`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from nika_core.app.results import ModelStatus, Plan, ProviderStatus, RecordedRun
from nika_core.engine.llm.estimate import RunForecast, TaskForecast
from nika_core.errors import Problem
from nika_core.model.codec import usage_of
from nika_core.model.events import Event
from nika_core.model.limits import Limit
from nika_core.model.state import RunResult, TaskResult
from nika_core.model.usage import NOTHING, Usage
from nika_core.plugin import Explanation

if TYPE_CHECKING:
    from nika_core.document import LoadedWorkflow

Result: TypeAlias = (
    "RunResult | TaskResult | Event | Usage | Plan | RecordedRun | ProviderStatus | Limit | Explanation | Problem"
    " | LoadedWorkflow"
)


def as_json(value: Result) -> dict[str, Any]:
    """Return a result as the JSON object that the command line prints for it (`--format json` and `jsonl`)."""
    match value:
        case RunResult():
            return _result_json(value)
        case TaskResult():
            return _task_json(value)
        case Event():
            return _event_json(value)
        case Usage():
            return public_usage_json(value)
        case Plan():
            return _plan_json(value)
        case RecordedRun():
            return dict(value.json)
        case ProviderStatus():
            return _provider_json(value)
        case Limit():
            return _limit_json(value)
        case Explanation():
            return {name: getattr(value, name) for name in ("code", "title", "meaning", "example", "fix")}
    from nika_core.document.diagnostics import file_json, problem_json

    return problem_json(value) if isinstance(value, Problem) else file_json(Path(value.path), value)


def public_usage_json(usage: Usage) -> dict[str, Any]:
    """Tokens, and cost in US dollars; `unpriced` names the models whose cost is not in it, `savedUsd` says
    what batches took off the price.
    """
    found: dict[str, Any] = {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
        "costUsd": float(usage.cost_usd),
        "unpriced": list(usage.unpriced),
    }
    if usage.saved_usd:
        found["savedUsd"] = float(usage.saved_usd)
    if usage.cached_tokens:
        found["cachedTokens"] = usage.cached_tokens
    if usage.calls:
        found["calls"] = usage.calls
    if usage.estimated:
        found["estimated"] = True
    return found


def _task_json(task: TaskResult) -> dict[str, Any]:
    """One entry of `tasks`; keys that have no value are left out."""
    found: dict[str, Any] = {
        "id": task.id,
        "keyword": task.keyword,
        "state": task.state,
        "attempts": task.attempts,
        "durationMs": round(task.duration * 1000),
    }
    if task.has_output:
        found["output"] = task.output
        found["truncated"] = task.truncated
    if task.usage != NOTHING:
        found["usage"] = public_usage_json(task.usage)
    if task.failure is not None:
        found["error"] = task.failure.as_json()
    if task.skip_reason is not None:
        found["skipReason"] = task.skip_reason.value
    if task.state == "success" or task.reused:
        found["reused"] = task.reused
    return found


def _result_json(result: RunResult) -> dict[str, Any]:
    """The one object of `run --format json`."""
    found: dict[str, Any] = {
        "runId": result.run_id,
        "workflow": result.workflow,
        "status": result.status.value,
        "durationMs": round(result.duration * 1000),
    }
    if result.has_output:
        found["output"] = result.output
    found["usage"] = public_usage_json(result.usage)
    found["tasks"] = [_task_json(task) for task in result.tasks]
    return found


def _event_json(event: Event) -> dict[str, Any]:
    """One line of `--format jsonl`, usage as in the result. `at` in seconds since the epoch; chunks have no `seq`."""
    found: dict[str, Any] = {"event": event.kind.value, "runId": event.run_id, "at": round(event.at, 3)}
    if event.seq:
        found["seq"] = event.seq
    if event.task is not None:
        found["task"] = event.task
    if event.data:
        usage = event.data.get("usage")
        found["data"] = {**event.data, "usage": public_usage_json(usage_of(usage))} if usage else event.data
    return found


def _plan_json(plan: Plan) -> dict[str, Any]:
    """Amounts in tokens and US dollars, `null` if nothing bounds them."""
    tasks = [
        {
            "id": task.id,
            "keyword": task.keyword,
            "wave": task.wave,
            "dependsOn": list(task.depends_on),
            "certain": task.certain,
            "payload": task.payload,
            "effects": [{"kind": effect.kind, "target": effect.target} for effect in task.effects],
            "estimate": _forecast_json(task.estimate),
        }
        for task in plan.tasks
    ]
    refusals = [{"code": each.code, "message": each.message, "hint": each.hint} for each in plan.refusals]
    return {"tasks": tasks, "estimate": _forecast_json(plan.estimate)} | ({"refusals": refusals} if refusals else {})


def _forecast_json(forecast: TaskForecast | RunForecast) -> dict[str, Any]:
    found: dict[str, Any] = {
        "tokensLow": forecast.tokens_low,
        "tokensHigh": forecast.tokens_high,
        "costUsdLow": float(forecast.cost_low),
        "costUsdHigh": None if forecast.cost_high is None else float(forecast.cost_high),
        "unpriced": list(forecast.unpriced),
    }
    if isinstance(forecast, TaskForecast):
        reason = forecast.reason
        if forecast.tokens_high != 0:
            found["counted"] = forecast.exact
    else:
        reason = "; ".join(forecast.reasons)
    return found | ({"reason": reason} if reason else {})


def _provider_json(provider: ProviderStatus) -> dict[str, Any]:
    if provider.error:
        return {"name": provider.name, "error": provider.error}
    found: dict[str, Any] = {
        "name": provider.name,
        "summary": provider.summary,
        "distribution": provider.distribution,
        "version": provider.version,
        "patterns": list(provider.patterns),
        "secrets": [{"name": each.name, "set": each.set, "required": each.required} for each in provider.secrets],
        "models": [_model_json(model) for model in provider.models],
    }
    if provider.health is not None:
        found["health"] = {"ok": provider.health.ok, "detail": provider.health.detail}
        if provider.health.models:
            found["health"]["models"] = list(provider.health.models)
    return found


def _model_json(model: ModelStatus) -> dict[str, Any]:
    found: dict[str, Any] = {"name": model.name}
    if model.context_tokens is not None:
        found["contextTokens"] = model.context_tokens
    if model.free:
        found["free"] = True
    elif model.input_per_million is not None:
        found["price"] = {"inputPerMillion": model.input_per_million, "outputPerMillion": model.output_per_million}
    return found


def _limit_json(limit: Limit) -> dict[str, Any]:
    return {
        "name": limit.name,
        "measure": limit.measure,
        "value": limit.value,
        "unit": limit.unit.value,
        "origin": limit.origin,
        "policy": limit.policy,
    }
