"""What is known of every provider without calling it, and how it is when it is called."""

from __future__ import annotations

import asyncio
from typing import Any

from nika_core.app.prepared_run import prices_of
from nika_core.app.workspace import Workspace
from nika_core.engine.llm.pricing import Prices
from nika_core.errors import NikaError
from nika_core.model.masking import Masker, secret_values
from nika_core.model.usage import Usage
from nika_core.plugin import Client, ModelInfo, Provider
from nika_core.registry import Kind

_MILLION = 1_000_000
_PATIENCE = 15.0  # seconds that a health check may take


def describe_providers(workspace: Workspace) -> list[dict[str, Any]]:
    """Each provider: its secrets (set or not, never their values), its models and their prices."""
    prices = prices_of(workspace)
    prices.load()
    return [_describe(workspace, name, prices) for name in workspace.registry.words(Kind.PROVIDER)]


def _describe(workspace: Workspace, name: str, prices: Prices) -> dict[str, Any]:
    try:
        provider = workspace.registry.provider(name)
        client = workspace.registry.new_client(name, workspace.environ)
        models = list(client.models())
    except NikaError as error:
        return {"name": name, "error": error.message}
    record = workspace.registry.record(Kind.PROVIDER, name)
    secrets = [(secret, True) for secret in provider.secrets]
    secrets += [(secret, False) for secret in provider.optional_secrets]
    unless = any(workspace.environ.get(variable) for variable in provider.secrets_unless)
    return {
        "name": name,
        "summary": provider.summary,
        "distribution": record.distribution,
        "version": record.version,
        "patterns": list(provider.models),
        "secrets": [
            {"name": secret, "set": bool(workspace.environ.get(secret)), "required": required and not unless}
            for secret, required in secrets
        ],
        "models": [_model(name, model, prices) for model in models],
    }


def _model(provider: str, info: ModelInfo, prices: Prices) -> dict[str, Any]:
    found: dict[str, Any] = {"name": info.name}
    if info.context_tokens is not None:
        found["contextTokens"] = info.context_tokens
    costs = [prices.cost(provider, info, usage) for usage in (Usage(_MILLION), Usage(0, _MILLION))]
    if info.free and not any(costs):
        found["free"] = True
    elif None not in costs:
        found["price"] = {"inputPerMillion": float(costs[0] or 0), "outputPerMillion": float(costs[1] or 0)}
    return found


async def check_health(workspace: Workspace, found: list[dict[str, Any]]) -> bool:
    """Ask every provider that has what it needs; adds `health`. True when none of those that were asked is ill."""
    results = await asyncio.gather(*(_ask(workspace, each) for each in found))
    return all(results)


async def _ask(workspace: Workspace, each: dict[str, Any]) -> bool:
    if "error" in each:
        return False
    missing = [secret["name"] for secret in each["secrets"] if secret["required"] and not secret["set"]]
    if missing:
        each["health"] = {"ok": False, "detail": f"not asked: {', '.join(missing)} not set"}
        return True
    provider: Provider = workspace.registry.provider(each["name"])
    masker = Masker(secret_values(workspace.environ, (*provider.secrets, *provider.optional_secrets)))
    client: Client | None = None
    try:
        client = workspace.registry.new_client(each["name"], workspace.environ)
        async with asyncio.timeout(_PATIENCE):
            health = await client.health()
        each["health"] = {"ok": health.ok, "detail": masker.text(health.detail)}
        if health.models:
            each["health"]["models"] = list(health.models)
    except TimeoutError:
        each["health"] = {"ok": False, "detail": f"no answer within {_PATIENCE:g} s"}
    except Exception as error:
        each["health"] = {"ok": False, "detail": masker.text(f"{type(error).__name__}: {error}")}
    finally:
        if client is not None:
            await client.close()
    return bool(each["health"]["ok"])
