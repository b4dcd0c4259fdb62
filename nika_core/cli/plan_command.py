"""`nika plan`: what a run would do, touch and cost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer

import nika_core as nika
from nika_core.cli.console import json_text, plain, print_data, print_json, print_problem_line, style_data
from nika_core.cli.inputs import gather
from nika_core.cli.options import (
    Format,
    FormatOption,
    InputOption,
    InputsOption,
    ModelOption,
    ProviderOption,
    WorkflowArgument,
)
from nika_core.cli.problems import invalid_workflow_as_json, print_new_warnings, printing_problems
from nika_core.cli.run_command import find_workflow, read_workflow
from nika_core.model.usage import money_text
from nika_core.model.workflow import Workflow

_TIMES: Final = frozenset({"timeout", "idleTimeout", "backoff", "every"})  # settings in seconds


def plan_command(
    workflow: WorkflowArgument = None,
    input_: InputOption = None,
    inputs: InputsOption = None,
    provider: ProviderOption = None,
    model: ModelOption = None,
    count: Annotated[
        bool, typer.Option("--count", help="Let providers count the prompts that are known: sends these to them.")
    ] = False,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Show what a run would do, touch and cost."""
    with invalid_workflow_as_json(format_.value):
        given = gather(input_ or (), inputs)
        workspace, path = find_workflow(workflow)
        loaded = read_workflow(workspace, path, provider, model)
        with printing_problems(loaded):
            options: nika.PlanOptions = {
                "inputs": given,
                "provider": provider,
                "model": model,
                "workspace": workspace,
            }
            plan = asyncio.run(nika.aplan(loaded, **options)) if count else nika.plan(loaded, **options)
    print_new_warnings(plan.warnings, loaded)
    if format_ is Format.JSON:
        print_json(nika.to_json(plan))
        return
    if loaded.workflow is not None:
        print_data(_head(loaded.workflow))
    for refusal in plan.refusals:
        print_problem_line(refusal)
    _print_tasks(plan.tasks)
    for name, value in _settings(plan.settings):
        print_data(f"{name}: {plain(value)}")
    total = _forecast_text(plan.estimate) or "no tokens, no cost"
    number = _number(plan.tasks)
    print_data(f"{style_data('in all', 'bold')}: {number} task{'s' if number != 1 else ''}; {total}")


def _head(workflow: Workflow) -> str:
    """Return the workflow's name, and the first line of its description."""
    about = workflow.description.strip().splitlines() if workflow.description else []
    return style_data(plain(workflow.name), "bold") + (f": {plain(about[0])}" if about else "")


def _print_tasks(tasks: tuple[nika.PlannedTask, ...], indent: str = "") -> None:
    """Print tasks by wave, and what is inside a workflow indented."""
    wave = 0
    for task in tasks:
        if task.wave != wave:
            wave = task.wave
            print_data(f"{indent}{style_data(f'wave {wave}', 'bold')}")
        _print_task(task, indent)


def _number(tasks: tuple[nika.PlannedTask, ...]) -> int:
    return sum(1 + _number(task.tasks) for task in tasks)


def _print_task(task: nika.PlannedTask, indent: str) -> None:
    sure = "" if task.certain else "  (if its conditions hold)"
    after = f"  after {', '.join(task.depends_on)}" if task.depends_on else ""
    times = f"  {_times_text(task)}" if task.items or task.rounds else ""
    print_data(f"{indent}  {task.id}  {task.keyword}{times}{after}{sure}")
    if task.when is not None:
        print_data(f"{indent}      when: {plain(' '.join(task.when.split()))}")
    for name, value in _settings(task.settings):
        print_data(f"{indent}      {name}: {value}")
    effects = list(task.effects)
    for key, value in task.payload.items():
        text = value if isinstance(value, str) else json_text(value)
        same = [effect for effect in effects if effect.target == text]  # a command, an address: shown once
        effects = [effect for effect in effects if effect not in same]
        touched = f"  (touches {', '.join(effect.kind for effect in same)})" if same else ""
        print_data(f"{indent}      {key}: {_first_line(text)}{touched}")
    for effect in effects:
        print_data(f"{indent}      touches {effect.kind}: {_first_line(effect.target)}")
    for entry in task.ask_tools:
        print_data(f"{indent}      asks a person about calls of: {plain(entry)}")
    for note in task.notes:
        print_data(f"{indent}      note: {plain(note)}")
    cost = _forecast_text(task.estimate)
    if cost:
        print_data(f"{indent}      {cost}")
    _print_tasks(task.tasks, f"{indent}    ")


def _first_line(text: str) -> str:
    lines = plain(text).splitlines() or [""]
    return f"{lines[0]} …" if len(lines) > 1 else lines[0]


def _settings(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each setting's name, as `retry.max`, and its value as its author could write it."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _settings(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", f"{value:g}s" if name in _TIMES else str(value)


def _times_text(task: nika.PlannedTask) -> str:
    if (rounds := task.rounds) is not None:
        return "1 round" if rounds.most == 1 else f"1 to {rounds.most} rounds"
    if (items := task.items) is None:
        return ""
    if items.most is None:
        return "any number of items"
    return _count(items.most, "item") if items.least == items.most else f"up to {_count(items.most, 'item')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _forecast_text(forecast: Any) -> str:
    if not forecast.tokens_high and forecast.tokens_high is not None and not forecast.cost_high:
        return ""
    high = "unbounded" if forecast.tokens_high is None else f"{forecast.tokens_high}"
    how = "counted" if getattr(forecast, "exact", False) else "estimated"
    text = f"{_range(str(forecast.tokens_low), high)} tokens ({how})"
    if forecast.unpriced:
        text += f", unpriced: {plain(', '.join(forecast.unpriced))}"
        if forecast.cost_high == 0 or forecast.cost_high is None:
            return text + _reasons(forecast)
    most = "unbounded" if forecast.cost_high is None else money_text(forecast.cost_high)
    return f"{text}, {_range(money_text(forecast.cost_low), most)}{_reasons(forecast)}"


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _reasons(forecast: Any) -> str:
    reason = getattr(forecast, "reason", "")
    return f" ({plain(reason)})" if reason else ""
