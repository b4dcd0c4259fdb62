"""Plugins that a program passes as objects, for tests and notebooks: their hooks declare their words."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from nika_core import codes
from nika_core.errors import PluginError, UsageError
from nika_core.registry.kinds import Kind
from nika_core.registry.loading import one_line
from nika_core.registry.scan import PluginRecord


def passed_plugins(plugins: Iterable[object]) -> tuple[PluginRecord, ...]:
    """Return a record for each word of these modules or objects. Raise UsageError if one of them has no hook."""
    records: list[PluginRecord] = []
    for number, plugin in enumerate(plugins, start=1):
        name = _name(plugin, number)
        try:
            words = [
                (kind, str(getattr(description, "name", "?")))
                for kind in Kind
                if callable(hook := getattr(plugin, kind.value.hook, None))
                for description in hook()
            ]
        except Exception as error:
            raise PluginError(
                codes.PLUGIN_BROKEN,
                f"plugins: a hook of {name} fails: {one_line(error)}",
                hint="a hook returns a list of descriptions",
            ) from error
        if not words:
            hooks = ", ".join(kind.value.hook for kind in Kind)
            raise UsageError(
                f"plugins: {name} describes nothing",
                hint=f"pass a module, or an object, with a function marked by `hookimpl` and named as one of: {hooks}",
            )
        records.extend(PluginRecord(kind, word, name, name, "(passed)", plugin) for kind, word in words)
    return tuple(records)


def _name(plugin: object, number: int) -> str:
    if isinstance(plugin, ModuleType):
        return plugin.__name__
    return f"{type(plugin).__module__}.{type(plugin).__qualname__}#{number}"
