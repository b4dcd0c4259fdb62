"""`nika providers`: what is there, what it costs, whether its key is set."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any

import typer

from nika_core.app import Workspace
from nika_core.cli.console import plain, print_data, print_json, style_data
from nika_core.cli.options import Format, FormatOption


def providers(
    check: Annotated[bool, typer.Option("--check", help="Ask each provider whether it can be reached.")] = False,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Each provider with its models' prices where known, and whether its key is set (never the key)."""
    from nika_core.app.provider_report import check_health, describe_providers

    workspace = Workspace.open()
    found = describe_providers(workspace)
    healthy = True
    if check:
        healthy = asyncio.run(check_health(workspace, found))
    if format_ is Format.JSON:
        print_json({"providers": found})
    else:
        for each in found:
            _show(each)
    if not healthy:
        sys.exit(1)


def _show(each: dict[str, Any]) -> None:
    print_data(f"{style_data(each['name'], 'bold')}  {plain(each.get('summary', ''))}")
    if "error" in each:
        print_data(f"    {style_data('broken', 'red')}: {plain(each['error'])}")
        return
    for secret in each["secrets"]:
        needed = "" if secret["required"] else ", optional"
        print_data(f"    {secret['name']}: {'set' if secret['set'] else 'not set'}{needed}")
    for model in each["models"]:
        price = model.get("price")
        if model.get("free"):
            cost = "free"
        elif price:
            cost = f"${price['inputPerMillion']:g} in, ${price['outputPerMillion']:g} out per million tokens"
        else:
            cost = "unpriced"
        print_data(f"    {plain(model['name'])}: {cost}")
    if each["patterns"]:
        print_data(f"    claims {', '.join(each['patterns'])}")
    if "health" in each:
        health = each["health"]
        mark = style_data("healthy", "green") if health["ok"] else style_data("not healthy", "red")
        print_data(f"    {mark}{': ' + plain(health['detail']) if health.get('detail') else ''}")
