"""`nika providers`: what is there, what it costs, whether its key is set."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from typing import Annotated

import typer

import nika_core as nika
from nika_core.cli.console import plain, print_data, print_json, style_data
from nika_core.cli.options import Format, FormatOption
from nika_core.cli.problems import print_project_warnings


def providers_command(
    check: Annotated[bool, typer.Option("--check", help="Ask each provider whether it can be reached.")] = False,
    models: Annotated[
        bool, typer.Option("--models", help="List all models, those of servers too, and what they can do.")
    ] = False,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """List each provider with its models' known prices, and whether its key is set (never the key)."""
    workspace = nika.Workspace.open()
    if models:
        found = asyncio.run(nika.list_models(workspace=workspace))
    else:
        found = asyncio.run(nika.check_providers(workspace=workspace)) if check else nika.providers(workspace=workspace)
    print_project_warnings(workspace)
    if format_ is Format.JSON:
        print_json({"providers": [nika.to_json(provider) for provider in found]})
    else:
        for provider in found:
            _show(provider, models=models, check=check)
        if models:
            _show_other_tiers(found)
    if check and any(map(_is_ill, found)):
        sys.exit(1)


def _is_ill(provider: nika.ProviderStatus) -> bool:
    """Return whether it was to be asked and cannot be used, or was asked and is not healthy."""
    health = provider.health
    return health is not None and not health.ok and (health.asked or bool(provider.error))


def _show(provider: nika.ProviderStatus, *, models: bool, check: bool) -> None:
    print_data(f"{style_data(provider.name, 'bold')}  {plain(provider.summary)}")
    if provider.error:
        print_data(f"    {style_data('broken', 'red')}: {plain(provider.error)}")
        return
    for secret in provider.secrets:
        needed = "" if secret.required else ", optional"
        print_data(f"    {secret.name}: {'set' if secret.set else 'not set'}{needed}")
    for model in provider.models:
        cost = "free" if model.free else "unpriced"
        if model.input_per_million is not None:
            cost = f"${model.input_per_million:g} in, ${model.output_per_million:g} out per million tokens"
        tiers = f" ({', '.join(model.tiers)})" if model.tiers else ""
        print_data(f"    {plain(model.name)}{plain(tiers)}: {cost}{_abilities(model) if models else ''}")
    if models and not check:
        if provider.health is not None and not provider.health.ok:
            print_data(f"    only what is known without its server: {plain(provider.health.detail)}")
        return
    if provider.patterns:
        print_data(f"    claims {', '.join(provider.patterns)}")
    if provider.health is not None:
        mark = style_data("healthy", "green") if provider.health.ok else style_data("not healthy", "red")
        print_data(f"    {mark}{': ' + plain(provider.health.detail) if provider.health.detail else ''}")


def _show_other_tiers(providers: Iterable[nika.ProviderStatus]) -> None:
    """Print the project's names for models that no provider offers."""
    shown = {tier for provider in providers for model in provider.models for tier in model.tiers}
    for tier, model in nika.Workspace.open().project.models.items():
        if tier not in shown:
            print_data(f"{plain(tier)} stands for {plain(model)}, which no provider claims")


def _abilities(model: nika.ModelStatus) -> str:
    """Return what a model holds and can do, as the end of its line."""
    parts = []
    if model.context_tokens is not None:
        parts.append(f"{model.context_tokens:,} tokens of context")
    if model.max_output_tokens is not None:
        parts.append(f"answers of {model.max_output_tokens:,}")
    words = {"jsonSchema": "JSON Schema", "batch": "batches", "pdf": "PDF", "promptCache": "prompt cache"}
    parts += [", ".join(words.get(ability, ability) for ability in model.abilities)] if model.abilities else []
    return "".join(f"; {part}" for part in parts)
