"""Codes of plugins."""

from __future__ import annotations

from typing import Final

from nika_core import codes
from nika_core.plugin.explanation import Explanation

PLUGINS: Final = (
    Explanation(
        codes.UNKNOWN_KEYWORD,
        "no plugin offers the keyword",
        "A task uses a word that no installed plugin brings.",
        "tasks:\n  - id: a\n    shel: make\n",
        "Correct the word, or install the plugin that brings it; `nika plugins list` shows what is installed.",
    ),
    Explanation(
        codes.UNKNOWN_PROVIDER,
        "no plugin offers the provider",
        "No installed provider has this name, or none claims the model.",
        "nika run write.nika.yaml --provider no-such-provider",
        "Install the provider's plugin, or name another one; `nika providers` lists them.",
    ),
    Explanation(
        codes.PLUGIN_CONFLICT,
        "two plugins offer the same word",
        "Neither is used until the project says which one is meant. Only workflows that use the word are affected.",
        "two installed distributions with the entry point `shell` in `nika.keywords`",
        "In nika.yaml: `plugins: {prefer: {keywords:shell: the-distribution}}`; or uninstall one of the two.",
    ),
    Explanation(
        codes.PLUGIN_BROKEN,
        "a plugin cannot be loaded, or fails",
        "Importing it raised an error, its description does not match its entry point, or its code failed.",
        "a plugin whose module does not import",
        "`nika plugins check` says why. Upgrade or remove the plugin, or report it to its author.",
    ),
    Explanation(
        codes.PLUGIN_INCOMPATIBLE,
        "a plugin for another version",
        "The plugin was written for another version of the plugin interface.",
        "NIKA_API = 99 in the plugin's module",
        "Upgrade the plugin, or Nika.",
    ),
    Explanation(
        codes.PLUGIN_BLOCKED,
        "a plugin that may not be used here",
        "The project file or the environment allows other plugins only, or blocks this one.",
        "NIKA_PLUGINS_BLOCK=keywords:shell nika run build.nika.yaml",
        "Ask the person who set `plugins.allow`, `plugins.block`, NIKA_PLUGINS_ALLOW or NIKA_PLUGINS_BLOCK.",
    ),
    Explanation(
        codes.UNKNOWN_SOURCE,
        "no plugin offers the template source",
        "`${name.key}` asks the source `name`, and no installed plugin brings it.",
        'tasks:\n  - id: a\n    shell: "echo ${vault.key}"\n',
        r"Correct the name, install the plugin, or write \${ if the characters themselves are meant.",
    ),
    Explanation(
        codes.MISSING_SECRET,
        "a provider's key is not set",
        "The environment variable that holds the key of a provider is not set.",
        "nika run write.nika.yaml --provider claude   # without ANTHROPIC_API_KEY",
        "Set the variable that the message names, or run with `--provider mock`.",
    ),
    Explanation(
        codes.MODEL_CANNOT,
        "the model cannot do this",
        "The model has no tools, no temperature, or a smaller context, or the provider does not know it.",
        "agent: {model: ..., temperature: 0.2}   # and the model has no temperature",
        "Remove the setting, or use another model; `nika providers` lists models and what they can do.",
    ),
    Explanation(
        codes.PLUGIN_LOCK,
        "the plugins are not those that are locked",
        "The project has a nika.lock, and a plugin that may be loaded differs from it: another version, other files, "
        "one too many or one missing. Nothing was imported.",
        "pip install --upgrade acme-nika-report\nnika run",
        "Install what nika.lock names, or accept what is installed with `nika plugins lock`.",
    ),
)
