"""`nika plan`: what a run would do, touch and cost."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from nika_core.app import RunOptions
from nika_core.cli.console import json_text, plain, print_data, print_error, print_json, style_data
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
from nika_core.cli.problems import print_problem, printing_problems
from nika_core.cli.run_command import find_workflow, read_workflow
from nika_core.model.usage import money_text


def plan(
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
    workspace, path = find_workflow(workflow)
    loaded, checked = read_workflow(workspace, path, provider, model)

    from nika_core.app.admission import refusals
    from nika_core.app.forecasting import count_prompts
    from nika_core.app.planning import make_plan
    from nika_core.app.prepared_run import prepare

    with printing_problems(loaded):
        options = RunOptions(inputs=gather(input_ or (), inputs), provider=provider, model=model)
        prepared = prepare(workspace, checked, options)
        for warning in prepared.warnings:
            print_problem(warning, loaded)
        counted = asyncio.run(count_prompts(prepared)) if count else None
        made = make_plan(prepared, counted)
        reasons = list(refusals(prepared, None if counted else made.forecast))
    if format_ is Format.JSON:
        found = [{"code": why.code, "message": why.message, "hint": why.hint} for why in reasons]
        print_json(plan_json(made) | ({"refusals": found} if found else {}))
        return
    for refusal in reasons:
        print_error(refusal)
    wave = 0
    for each in made.tasks:
        if each.wave != wave:
            wave = each.wave
            print_data(style_data(f"wave {wave}", "bold"))
        sure = "" if each.certain else "  (if its conditions hold)"
        after = f"  after {', '.join(each.depends_on)}" if each.depends_on else ""
        print_data(f"  {each.task.id}  {each.task.keyword}{after}{sure}")
        for key, value in each.payload.items():
            shown = value if isinstance(value, str) else json_text(value)
            lines = plain(shown).splitlines() or [""]
            print_data(f"      {key}: {lines[0]}{' …' if len(lines) > 1 else ''}")
        for effect in each.effects:
            target = plain(effect.target).splitlines() or [""]
            print_data(f"      touches {effect.kind}: {target[0]}{' …' if len(target) > 1 else ''}")
        cost = _forecast_text(each.forecast)
        if cost:
            print_data(f"      {cost}")
    total = _forecast_text(made.forecast) or "no tokens, no cost"
    print_data(f"{style_data('in all', 'bold')}: {len(made.tasks)} tasks; {total}")


def _forecast_text(forecast: Any) -> str:
    if not forecast.tokens_high and forecast.tokens_high is not None and not forecast.cost_high:
        return ""
    high = "unbounded" if forecast.tokens_high is None else f"{forecast.tokens_high}"
    how = "counted" if getattr(forecast, "exact", False) else "estimated"
    text = f"{forecast.tokens_low} to {high} tokens ({how})"
    if forecast.unpriced:
        text += f", unpriced: {plain(', '.join(forecast.unpriced))}"
        if forecast.cost_high == 0 or forecast.cost_high is None:
            return text + _reasons(forecast)
    most = "unbounded" if forecast.cost_high is None else money_text(forecast.cost_high)
    return f"{text}, {money_text(forecast.cost_low)} to {most}{_reasons(forecast)}"


def _reasons(forecast: Any) -> str:
    reason = getattr(forecast, "reason", "")
    return f" ({plain(reason)})" if reason else ""


def plan_json(made: Any) -> dict[str, Any]:
    """The plan as one object; amounts in tokens and US dollars, `null` where nothing bounds them."""
    return {
        "tasks": [
            {
                "id": each.task.id,
                "keyword": each.task.keyword,
                "wave": each.wave,
                "dependsOn": list(each.depends_on),
                "certain": each.certain,
                "payload": each.payload,
                "effects": [{"kind": effect.kind, "target": effect.target} for effect in each.effects],
                "estimate": _forecast_json(each.forecast),
            }
            for each in made.tasks
        ],
        "estimate": _forecast_json(made.forecast),
    }


def _forecast_json(forecast: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "tokensLow": forecast.tokens_low,
        "tokensHigh": forecast.tokens_high,
        "costUsdLow": float(forecast.cost_low),
        "costUsdHigh": None if forecast.cost_high is None else float(forecast.cost_high),
        "unpriced": list(forecast.unpriced),
    }
    if getattr(forecast, "exact", None) is not None and forecast.tokens_high != 0:
        found["counted"] = forecast.exact
    reason = getattr(forecast, "reason", None) or "; ".join(getattr(forecast, "reasons", ()))
    return found | ({"reason": reason} if reason else {})
