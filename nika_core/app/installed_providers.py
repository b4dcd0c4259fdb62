"""Which provider answers for a model, and whether its keys are set."""

from __future__ import annotations

from collections.abc import Mapping

from nika_core import codes
from nika_core.errors import PluginError, UsageError
from nika_core.plugin import Client, ModelInfo, Provider
from nika_core.registry import Kind, Registry


class InstalledProviders:
    """Implements the engine's `ProviderLookup`: the named provider, or the one that claims the model's name."""

    def __init__(self, registry: Registry, environ: Mapping[str, str]) -> None:
        self._registry = registry
        self._environ = environ
        self._clients: dict[str, Client] = {}
        self._models: dict[tuple[str | None, str], tuple[Provider, ModelInfo]] = {}

    def choose(self, provider: str | None, model: str) -> Provider:
        """Return the provider for a model. Raise PluginError if none offers it."""
        if provider is not None:
            return self._registry.provider(provider)
        found = self._registry.provider_for(model)
        if found is None:
            known = ", ".join(self._registry.words(Kind.PROVIDER)) or "none"
            raise PluginError(
                codes.UNKNOWN_PROVIDER,
                f"no installed provider claims the model '{model}'",
                hint=f"name one: `provider:` in the agent block or nika.yaml, or --provider; there are: {known}",
            )
        return found

    def connect(self, provider: Provider) -> Client:
        """Return the provider's client, made once. Raise PluginError."""
        client = self._clients.get(provider.name)
        if client is None:
            client = self._clients[provider.name] = self._registry.new_client(provider.name, self._environ)
        return client

    def model(self, provider: str | None, model: str, *, secrets: bool = False) -> tuple[Provider, ModelInfo]:
        """Return who answers for a model, and what it can do. Calls nothing.

        Args:
            secrets: whether the provider's secrets must be set.

        Raises:
            NikaError: nobody offers the model, its client cannot be made, or a secret is missing.
        """
        known = self._models.get((provider, model))
        if known is None:
            chosen = self.choose(provider, model)
            if secrets:
                self.require_secrets(chosen)
            known = self._models[provider, model] = chosen, self.connect(chosen).info(model)
        return known

    def require_secrets(self, provider: Provider) -> None:
        """Raise UsageError that names every variable that must be set and is not."""
        if any(self._environ.get(name) for name in provider.secrets_unless):
            return
        missing = [name for name in provider.secrets if not self._environ.get(name)]
        if missing:
            raise UsageError(
                f"the provider '{provider.name}' needs {' and '.join(missing)}, which {_are(missing)} not set",
                code=codes.MISSING_SECRET,
                hint=f"export {missing[0]}=…, or run without it: --mock",
            )


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
