"""Which provider answers for a model, and whether its keys are set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from nika_core import codes
from nika_core.app.provider_options import provider_options
from nika_core.errors import PluginError, UsageError
from nika_core.model.json import JsonObject
from nika_core.plugin import Client, ModelInfo, Provider
from nika_core.registry import Kind, Registry


class InstalledProviders:
    """Implements the engine's `ProviderLookup`: the named provider, or the one that claims the model's name."""

    def __init__(
        self, registry: Registry, environ: Mapping[str, str], settings: Callable[[str], Mapping[str, Any]] | None = None
    ) -> None:
        """Args: settings: returns a plugin's part of the project file."""
        self._registry = registry
        self._settings = settings
        self._environ = environ
        self._clients: dict[str, Client] = {}
        self._models: dict[tuple[str | None, str, bool], tuple[Provider, ModelInfo]] = {}

    def choose(self, provider: str | None, model: str, *, fallback: bool = False) -> tuple[Provider, str]:
        """Return the provider for a model, and the model's name there. Raise PluginError if none offers it.

        `local/qwen` is `qwen` of the provider `local`, unless `provider` is named: then only for a fallback, which may
        be another vendor's. A provider whose own names have such a form comes first.
        """
        word, _, name = model.partition("/")
        named = name and word != provider and word in self._registry.words(Kind.PROVIDER)
        if provider is not None:
            if named and fallback:
                return self._registry.provider(word), name
            return self._registry.provider(provider), model
        found = None if named and not self._claimed_as_path(model) else self._registry.provider_for(model)
        if found is None and named:
            return self._registry.provider(word), name
        if found is None:
            known = ", ".join(self._registry.words(Kind.PROVIDER)) or "none"
            raise PluginError(
                codes.UNKNOWN_PROVIDER,
                f"no installed provider claims the model '{model}'",
                hint=f"name one: `provider:` in the agent block or nika.yaml, or --provider; there are: {known}",
            )
        return found, model

    def _claimed_as_path(self, model: str) -> bool:
        try:
            claims = self._registry.provider_for(model)
        except PluginError:  # two claim it by the form of its end
            return False
        return claims is not None and any("/" in each and fnmatchcase(model, each) for each in claims.models)

    def connect(self, provider: Provider) -> Client:
        """Return the provider's client, made once. Raise PluginError."""
        client = self._clients.get(provider.name)
        if client is None:
            settings = None if provider.settings is None or self._settings is None else self._settings(provider.name)
            client = self._registry.new_client(provider.name, self._environ, settings)
            self._clients[provider.name] = client
        return client

    def options(self, provider: Provider, options: Mapping[str, Any]) -> JsonObject:
        """Return options as the provider's client is given them. Raise TaskError."""
        return provider_options(provider, options)

    def model(
        self, provider: str | None, model: str, *, secrets: bool = False, fallback: bool = False
    ) -> tuple[Provider, ModelInfo]:
        """Return who answers for a model, and what it can do. Calls nothing.

        Args:
            secrets: whether the provider's secrets must be set, and its address and key must be ones that can be used.
            fallback: whether it is asked in place of another model (see `choose`).

        Raises:
            NikaError: nobody offers the model, its client cannot be made, or a secret is missing.
        """
        key = provider, model, fallback
        known = self._models.get(key)
        if known is None:
            chosen, name = self.choose(provider, model, fallback=fallback)
            if secrets:
                self.require_secrets(chosen)
            client = self.connect(chosen)
            check = getattr(client, "check_environment", None) if secrets else None
            if check is not None:
                check()
            known = self._models[key] = chosen, client.info(name)
        return known

    def require_secrets(self, provider: Provider) -> None:
        """Raise UsageError that names every variable that must be set and is not."""
        if any(self._environ.get(name) for name in provider.secrets_unless):
            return
        missing = [name for name in provider.secrets if not self._environ.get(name)]
        if missing:
            instead = f" (or {' or '.join(provider.secrets_unless)})" if provider.secrets_unless else ""
            raise UsageError(
                f"the provider '{provider.name}' needs {' and '.join(missing)}, which {_are(missing)} not set",
                code=codes.MISSING_SECRET,
                hint=f"export {missing[0]}=…{instead}, or run without it: --mock",
            )


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
