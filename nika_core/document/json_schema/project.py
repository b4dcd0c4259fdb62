"""The JSON Schema of the project file, `nika.yaml`, with the installed plugins, for editors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from nika_core.document.json_schema.from_validators import choice, describe, provider_schema, schema_of
from nika_core.document.json_schema.workflow import DRAFT
from nika_core.document.plugin_catalog import PluginCatalog
from nika_core.document.reading.project_file import PROJECT
from nika_core.errors import PluginError
from nika_core.plugin.fields import EmptyDict, NonEmptyStr

_DOCS: Final = {
    "main": "The workflow that commands take if none is named.",
    "provider": "The provider of workflows that name none.",
    "model": "The model of workflows that name none.",
    "models": "Names for models, to be used in workflows: `small: claude-haiku-4-5`.",
    "limits": "Limits for this project; those wider than the defaults count only in a trusted folder.",
    "plugins": "Which plugins may be used, and which one if two have the same word.",
    "prices": "Prices of models, in US dollars per million tokens.",
    "secrets": "Environment variables whose values are masked.",
    "governor": "Whether calls to models adapt to a provider's rate limits: true (the default) or false.",
    "backend": "Where runs take place, such as temporal://localhost:7233/default.",
    "labels": "Labels of every run, for traces and lists.",
}
_LIMIT: Final = schema_of(NonEmptyStr())
_PLUGIN_DOCS: Final = {
    "allow": "The only distributions, or KIND:WORD, that may be used.",
    "block": "Distributions, or KIND:WORD, that may not be used.",
    "prefer": "The distribution whose plugin is used, by KIND:WORD.",
}


def project_json_schema(
    catalog: PluginCatalog, limits: Iterable[str] = (), providers: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the schema. A plugin that cannot be loaded takes any settings.

    Args:
        limits: the keys that `limits` may have.
        providers: those that editors suggest.
    """
    properties = {key: schema_of(validator) for key, validator in PROJECT.items()}
    properties["provider"] = provider_schema(providers)
    properties["plugins"] = describe(properties["plugins"], _PLUGIN_DOCS)
    bounds = {"type": "object", "properties": dict.fromkeys(limits, _LIMIT), "additionalProperties": False}
    properties["limits"] = choice(schema_of(EmptyDict()), bounds)
    for key in catalog.settings_keys():
        try:
            owner = catalog.settings_owner(key)
        except PluginError as error:
            properties[key] = {"description": error.message}
            continue
        if owner is not None:
            properties[key] = {"description": owner.summary, **schema_of(owner.settings)}
    for key, text in _DOCS.items():
        properties[key] = {**properties[key], "description": text}
    return {
        "$schema": DRAFT,
        "title": "Nika project",
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": False,
    }
