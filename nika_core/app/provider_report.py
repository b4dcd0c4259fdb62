"""What is known of every provider without calling it, and its health."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

from nika_core.app.installed_providers import InstalledProviders
from nika_core.app.known_models import prices_of
from nika_core.app.results import HealthStatus, ModelStatus, ProviderStatus, SecretStatus
from nika_core.app.workspace import Workspace
from nika_core.engine.llm.pricing import Prices
from nika_core.engine.llm.served_prices import served_prices
from nika_core.errors import NikaError
from nika_core.model.masking import Masker, secret_values
from nika_core.model.media import IMAGES, PDF
from nika_core.model.usage import Usage
from nika_core.plugin import Client, ModelInfo, Price
from nika_core.registry import Kind
from nika_core.values import replace

_MILLION: Final = 1_000_000
_HEALTH_SECONDS: Final = 15.0  # that a health check may take


def describe_providers(workspace: Workspace) -> tuple[ProviderStatus, ...]:
    """Return each provider with its secrets (set or not, never their values), its models and their prices."""
    prices = prices_of(workspace)
    prices.load()
    return tuple(_describe(workspace, name, prices) for name in workspace.registry.words(Kind.PROVIDER))


def _describe(workspace: Workspace, name: str, prices: Prices) -> ProviderStatus:
    registry, environ = workspace.registry, workspace.environ
    try:
        provider = registry.provider(name)
        models = list(registry.new_client(name, environ, workspace.settings(name)).models())
    except NikaError as error:
        return ProviderStatus(name, error=error.message)
    record = registry.record(Kind.PROVIDER, name)
    unless = any(environ.get(variable) for variable in provider.secrets_unless)
    secrets = [SecretStatus(secret, bool(environ.get(secret)), not unless) for secret in provider.secrets]
    secrets += [SecretStatus(secret, bool(environ.get(secret)), False) for secret in provider.optional_secrets]
    return ProviderStatus(
        name=name,
        summary=provider.summary,
        distribution=record.distribution,
        version=record.version,
        patterns=tuple(provider.models),
        secrets=tuple(secrets),
        models=tuple(_model(name, model, prices, workspace) for model in models),
    )


def _model(
    provider: str, info: ModelInfo, prices: Prices, workspace: Workspace, served: Price | None = None
) -> ModelStatus:
    """Args: served: the server's price, which counts if nobody else knows one, as in a run."""
    if served is not None and prices.cost(provider, info, Usage(1, 1)) is None:
        info = replace(info, price=served)
    per_input, per_output = (prices.cost(provider, info, usage) for usage in (Usage(_MILLION), Usage(0, _MILLION)))
    taken = {media_type for ability in info.files for media_type in ability.media_types}
    abilities = (
        ("tools", info.tools),
        ("temperature", info.temperature),
        ("effort", bool(info.efforts)),
        ("images", not taken.isdisjoint(IMAGES)),
        ("pdf", PDF in taken),
        ("jsonSchema", info.json_schema),
        ("promptCache", info.prompt_cache or info.cached_from is not None),
        ("batch", info.batch),
    )
    tiers = workspace.project.models
    known = ModelStatus(
        info.name,
        info.context_tokens,
        max_output_tokens=info.max_output_tokens,
        abilities=tuple(name for name, has in abilities if has),
        tiers=tuple(tier for tier, model in tiers.items() if model in (info.name, f"{provider}/{info.name}")),
    )
    if info.free and not (per_input or per_output):
        return replace(known, free=True)
    if per_input is None or per_output is None:
        return known
    return replace(known, input_per_million=float(per_input), output_per_million=float(per_output))


async def describe_models(workspace: Workspace) -> tuple[ProviderStatus, ...]:
    """Return each provider with all models that it knows, that its server lists, and that the project names."""
    prices = prices_of(workspace)
    served: dict[str, Mapping[str, Price]] = {}
    asked = await check_health(workspace, describe_providers(workspace), served)
    prices.load()
    return tuple(_with_models(workspace, provider, prices, served.get(provider.name, {})) for provider in asked)


def _with_models(
    workspace: Workspace, status: ProviderStatus, prices: Prices, served: Mapping[str, Price]
) -> ProviderStatus:
    if status.error:
        return status
    directory, project = (
        InstalledProviders(workspace.registry, workspace.environ, workspace.settings),
        workspace.project,
    )
    names = {model.name: None for model in status.models}
    names |= dict.fromkeys(status.health.models if status.health is not None else ())
    for model in dict.fromkeys((*project.models.values(), *([project.model] if project.model else []))):
        with suppress(NikaError):  # nobody offers it, or two do
            provider, name = directory.choose(project.provider, project.resolve_model(model))
            if provider.name == status.name:
                names[name] = None
    try:
        client = directory.connect(workspace.registry.provider(status.name))
        infos = [client.info(name) for name in names]
        models = tuple(_model(status.name, info, prices, workspace, served.get(info.name)) for info in infos)
    except NikaError as error:
        return replace(status, error=error.message)
    return replace(status, models=models)


async def check_health(
    workspace: Workspace,
    providers: Iterable[ProviderStatus],
    served: dict[str, Mapping[str, Price]] | None = None,
) -> tuple[ProviderStatus, ...]:
    """Return the same providers with their health: each that has what it needs is asked.

    Args:
        served: the prices that servers know are added to it, by provider; None: they are not asked for.
    """
    return tuple(await asyncio.gather(*(_with_health(workspace, provider, served) for provider in providers)))


async def _with_health(
    workspace: Workspace, provider: ProviderStatus, served: dict[str, Mapping[str, Price]] | None
) -> ProviderStatus:
    if provider.error:
        return replace(provider, health=HealthStatus(False, provider.error, asked=False))
    missing = [secret.name for secret in provider.secrets if secret.required and not secret.set]
    if missing:
        detail = f"not asked: {', '.join(missing)} not set"
        return replace(provider, health=HealthStatus(False, detail, asked=False))
    masker = Masker(secret_values(workspace.environ, [secret.name for secret in provider.secrets]))
    client: Client | None = None
    try:
        settings = workspace.settings(provider.name)
        client = workspace.registry.new_client(provider.name, workspace.environ, settings)
        async with asyncio.timeout(_HEALTH_SECONDS):
            answer = await client.health()
        health = HealthStatus(answer.ok, masker.text(answer.detail), tuple(answer.models))
        if answer.ok and served is not None:
            served[provider.name] = await served_prices(client)
    except TimeoutError:
        health = HealthStatus(False, f"no answer within {_HEALTH_SECONDS:g} s")
    except Exception as error:
        health = HealthStatus(False, masker.text(f"{type(error).__name__}: {error}"))
    finally:
        if client is not None:
            await client.close()
    return replace(provider, health=health)
