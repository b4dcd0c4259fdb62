"""Results as JSON, in the form that the command line promises (`--format json` and `jsonl`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from nika_core.app.results import ModelStatus, Plan, PlannedTask, ProviderStatus, RecordedRun, Transcript, Turn
from nika_core.errors import Problem
from nika_core.model.codec import event_json, result_json, task_json, usage_json
from nika_core.model.events import Event
from nika_core.model.limits import Limit
from nika_core.model.question import OpenQuestion, open_question_json
from nika_core.model.state import RunResult, TaskResult
from nika_core.model.text import iso_time
from nika_core.model.usage import NOTHING, Usage

if TYPE_CHECKING:
    from nika_core.document import LoadedWorkflow
    from nika_core.engine.llm.estimate import Repetitions, RunForecast, TaskForecast
    from nika_core.plugin import Explanation

Result: TypeAlias = (
    "RunResult | TaskResult | Event | Usage | Plan | RecordedRun | ProviderStatus | Limit | Explanation | Problem"
    " | LoadedWorkflow | OpenQuestion | Transcript"
)


def to_json(value: Result) -> dict[str, Any]:
    """Return a result as the JSON object that the command line prints for it (`--format json` and `jsonl`)."""
    match value:
        case RunResult():
            return result_json(value)
        case TaskResult():
            return task_json(value)
        case Event():
            return dict(event_json(value))
        case Usage():
            return dict(usage_json(value, exact=False))
        case Plan():
            return _plan_json(value)
        case RecordedRun():
            return dict(value.json)
        case Transcript():
            return _conversation_json(value)
        case ProviderStatus():
            return _provider_json(value)
        case Limit():
            return _limit_json(value)
        case OpenQuestion():
            return {"runId": value.run_id, "workflow": value.workflow, **open_question_json(value)}
    from nika_core.plugin import Explanation  # which the history does without

    if isinstance(value, Explanation):
        return {name: getattr(value, name) for name in ("code", "title", "meaning", "example", "fix")}
    from nika_core.document.diagnostics import file_json, problem_json

    return problem_json(value) if isinstance(value, Problem) else file_json(Path(value.path), value)


def _plan_json(plan: Plan) -> dict[str, Any]:
    """Amounts in tokens and US dollars, `null` if nothing bounds them."""
    tasks = [_planned_json(task) for task in plan.tasks]
    refusals = [{"code": each.code, "message": each.message, "hint": each.hint} for each in plan.refusals]
    plan_json = {"tasks": tasks, "estimate": _forecast_json(plan.estimate)}
    plan_json |= {"settings": plan.settings} if plan.settings else {}
    return plan_json | ({"refusals": refusals} if refusals else {})


def _planned_json(task: PlannedTask) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": task.id,
        "keyword": task.keyword,
        "wave": task.wave,
        "dependsOn": list(task.depends_on),
        "certain": task.certain,
        "when": task.when,
        "payload": task.payload,
        "effects": [{"kind": effect.kind, "target": effect.target} for effect in task.effects],
        "estimate": _forecast_json(task.estimate),
    }
    for name, times in (("items", task.items), ("rounds", task.rounds)):
        if times is not None:
            found[name] = _repetitions_json(times)
    if task.settings:
        found["settings"] = task.settings
    if task.ask_tools:
        found["askTools"] = list(task.ask_tools)
    if task.notes:
        found["notes"] = list(task.notes)
    if task.tasks:
        found["tasks"] = [_planned_json(inner) for inner in task.tasks]
    return found


def _repetitions_json(times: Repetitions) -> dict[str, int | None]:
    return {"exactly": times.most} if times.least == times.most else {"atMost": times.most}


def _forecast_json(forecast: TaskForecast | RunForecast) -> dict[str, Any]:
    from nika_core.engine.llm.estimate import TaskForecast

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
    if model.max_output_tokens is not None:
        found["maxOutputTokens"] = model.max_output_tokens
    found["abilities"] = list(model.abilities)
    if model.tiers:
        found["tiers"] = list(model.tiers)
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
        "purpose": limit.told_purpose(),
    }


def _conversation_json(conversation: Transcript) -> dict[str, Any]:
    """Return a conversation as JSON, without keys that have no value."""
    found: dict[str, Any] = {"task": conversation.task}
    if conversation.within:
        found["within"] = list(conversation.within)
    return found | {"turns": [_turn_json(turn) for turn in conversation.turns]}


def _turn_json(turn: Turn) -> dict[str, Any]:
    found: dict[str, Any] = {"role": turn.role, "at": iso_time(turn.at), "text": turn.text}
    optional: dict[str, Any] = {
        "toolCalls": list(turn.tool_calls),
        "files": list(turn.files),
        "tool": turn.tool,
        "arguments": turn.arguments,
        "isError": turn.is_error,
        "model": turn.model,
        "insteadOf": list(turn.instead_of),
        "usage": usage_json(turn.usage, exact=False) if turn.usage != NOTHING else None,
        "durationMs": turn.duration_ms,
        "kept": turn.kept,
    }
    found |= {name: value for name, value in optional.items() if value}
    return found if turn.answered else found | {"answered": False}
