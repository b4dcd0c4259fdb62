"""What is known of models by their names: prices, and whether a name is a slip."""

from __future__ import annotations

from fnmatch import fnmatchcase

from nika_core import codes
from nika_core.app.installed_providers import InstalledProviders
from nika_core.app.workspace import Workspace
from nika_core.engine.llm.pricing import Prices
from nika_core.errors import NikaError, Place, Problem, Severity
from nika_core.model.nearest import did_you_mean
from nika_core.model.usage import Usage
from nika_core.model.workflow import Workflow
from nika_core.plugin import Client, ModelInfo, Price, Provider
from nika_core.registry import Kind


def prices_of(workspace: Workspace) -> Prices:
    """Return the prices of models, the project's first."""
    return Prices(
        {
            name: Price(
                price.input_per_million,
                price.output_per_million,
                price.cached_per_million,
                cache_write_per_million=price.cache_write_per_million,
            )
            for name, price in workspace.prices.items()
        }
    )


def unknown_model(prices: Prices, client: Client, provider: Provider, info: ModelInfo, place: Place) -> Problem | None:
    """Return a warning if neither the provider nor a price list has ever heard of a model; None: it is known.

    A provider without models of its own (a server for any model) knows no name, and nothing is said of its models.
    """
    names = [model.name for model in client.models()]
    if not names or info.name in names or info.free:
        return None
    if prices.cost(provider.name, info, Usage(1, 1)) is not None:
        return None
    message = f"neither the provider '{provider.name}' nor the price list knows the model '{info.name}'"
    hint = did_you_mean(info.name, names) or "if the name is right, give its price under `prices:` in nika.yaml;"
    hint += " `nika providers --models` lists models"
    return Problem(codes.MODEL_CANNOT, message, place, hint, Severity.WARNING)


def played_model(workspace: Workspace, workflow: Workflow, model: str, directory: InstalledProviders) -> Problem | None:
    """Return a warning if a model from the command line is only played, by the provider that the files name."""
    project = workspace.project
    own = None if workflow.agent is None else workflow.agent.provider
    name, model = own or project.provider, project.resolve_model(model)
    if name is None:
        return None
    provider = workspace.registry.provider(name)
    if not provider.stands_in or any(fnmatchcase(model, pattern) for pattern in provider.models):
        return None
    try:
        other = directory.choose(None, model)[0].name
    except NikaError:  # nobody claims it
        other = "PROVIDER"
    place = workflow.at(("agent", "provider")) if own else project.at(("provider",))
    message = f"the provider '{name}' only plays the model '{model}': no model is asked"
    return Problem(
        codes.MODEL_CANNOT,
        message,
        place,
        f"add -p {other}, or replace `provider: {name}`; `nika providers` lists providers",
        Severity.WARNING,
    )


def likely_model(workspace: Workspace, name: str) -> str | None:
    """Return a hint if a name that nobody claims is nearly that of a model."""
    names: dict[str, None] = {}
    for word in workspace.registry.words(Kind.PROVIDER):
        try:
            names |= {model.name: None for model in workspace.registry.new_client(word, workspace.environ).models()}
        except NikaError:  # its own check reports it
            continue
    return did_you_mean(name, names)
