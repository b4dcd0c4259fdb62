"""From an offer to what it brings: import the module, register it with pluggy, take its description.

Whatever a plugin does wrong on the way becomes one PluginError with its distribution and version.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import pluggy

from nika_core import codes
from nika_core.errors import PluginError, TaskError, UsageError
from nika_core.model.bounded import shorten
from nika_core.plugin import (
    API_VERSION,
    BackendDescription,
    Command,
    Keyword,
    LimitPolicy,
    NotifierDescription,
    ObserverDescription,
    ProjectTemplate,
    Provider,
    SecretSourceDescription,
    TemplateSource,
    hookspec,
)
from nika_core.registry.description_rules import description_error
from nika_core.registry.event_loop import preserve_event_loop
from nika_core.registry.kinds import Kind, load_named
from nika_core.registry.scan import PluginRecord

Description: TypeAlias = (
    Keyword
    | Provider
    | TemplateSource
    | LimitPolicy
    | Command
    | NotifierDescription
    | SecretSourceDescription
    | ObserverDescription
    | BackendDescription
    | ProjectTemplate
)


def broken(record: PluginRecord, what: str, code: str = codes.PLUGIN_BROKEN) -> PluginError:
    """Return the one clear sentence that a user of a broken plugin gets."""
    return PluginError(
        code,
        f"the plugin for '{record.word}' ({record.origin}) {what}",
        hint=f"upgrade or remove {record.distribution}, or block it: plugins: {{block: [{record.id}]}} in nika.yaml",
    )


def metadata_error(record: PluginRecord) -> PluginError:
    """Return the error for a plugin whose distribution's metadata cannot be read."""
    return PluginError(
        codes.PLUGIN_BROKEN,
        f"the plugin for '{record.word}' ({record.origin}) cannot be used: {record.fault}",
        hint=f"reinstall or remove {record.distribution}",
    )


def one_line(error: BaseException) -> str:
    """Return an exception on one line, bounded."""
    text = " ".join(str(error).split())
    return shorten(f"{type(error).__name__}: {text}", 300) if text else type(error).__name__


@contextlib.contextmanager
def plugin_code(record: PluginRecord) -> Iterator[None]:
    """Around a plugin's own code: stdout is for data, and the event loop is everybody's.

    Raises:
        PluginError: it changed asyncio, which has been put back.
    """
    with preserve_event_loop() as changed, contextlib.redirect_stdout(sys.stderr):
        yield
    if changed:
        raise broken(record, f"patches the event loop when it is loaded: {', '.join(changed[:3])}")


class _Described(NamedTuple):
    module: object
    hooks: list[object]
    collected: dict[Kind, list[object]]


_described: dict[str, _Described] = {}  # by module: a program that opens many projects asks each hook once


class Loader:
    """Imports plugins and collects what their hooks return."""

    def __init__(self) -> None:
        self._collected: dict[Kind, list[object]] = {}
        self._modules: dict[str, dict[Kind, list[object]]] = {}
        self.import_seconds: dict[str, float] = {}

    @cached_property
    def _manager(self) -> pluggy.PluginManager:
        manager = pluggy.PluginManager(hookspec.PROJECT)
        manager.add_hookspecs(hookspec)
        for kind in Kind:
            hook: Any = getattr(manager.hook, kind.value.hook)
            hook.call_historic(result_callback=self._collector(kind))
        return manager

    def _collector(self, kind: Kind) -> Any:
        def collect(result: object) -> None:
            if isinstance(result, str | bytes) or not isinstance(result, Iterable):
                raise TypeError(f"{kind.value.hook} returned {type(result).__name__}, not descriptions in a list")
            self._collected.setdefault(kind, []).extend(result)

        return collect

    def load(self, record: PluginRecord) -> Description:
        """Return the description that belongs to the offer. Raise PluginError."""
        if record.module not in self._modules:
            self._modules[record.module] = self._register(record)
        hook, expected = record.kind.value.hook, record.kind.description
        described = self._modules[record.module].get(record.kind, [])
        for description in described:
            if not isinstance(description, expected):
                raise broken(record, f"returns {type(description).__name__} from {hook}, not {expected.__name__}")
        mine: list[Any] = [
            description for description in described if getattr(description, "name", None) == record.word
        ]
        if not mine:
            names = ", ".join(sorted(str(getattr(each, "name", "?")) for each in described)) or "nothing"
            raise broken(record, f"does not describe '{record.word}': {hook} of {record.module} returned {names}")
        if len(mine) > 1:
            raise broken(record, f"describes '{record.word}' {len(mine)} times")
        wrong = description_error(record.kind, mine[0])
        if wrong is not None:
            raise broken(record, wrong)
        found: Description = mine[0]
        return found

    def _register(self, record: PluginRecord) -> dict[Kind, list[object]]:
        module = self._import(record)
        # What a program passes is written for the version that is there.
        declared = getattr(module, "NIKA_API", None if record.plugin is None else API_VERSION)
        if declared != API_VERSION:
            silent = "does not say which plugin API it was written for" if declared is None else ""
            raise broken(
                record,
                (silent or f"was written for plugin API {declared}") + f"; this is API {API_VERSION} (NIKA_API)",
                codes.PLUGIN_INCOMPATIBLE,
            )
        hooks = [getattr(module, kind.value.hook, None) for kind in Kind]
        known = _described.get(record.module)
        if known is not None and known.module is module and known.hooks == hooks:
            return known.collected
        self._collected = {}
        try:
            with plugin_code(record):
                self._manager.register(module, record.module)
            self._manager.check_pending()
        except (KeyboardInterrupt, PluginError):
            self._forget(module, record)
            raise
        except BaseException as error:
            self._forget(module, record)
            raise broken(record, f"fails when it is registered: {one_line(error)}") from error
        collected, self._collected = self._collected, {}
        if record.plugin is None:
            _described[record.module] = _Described(module, hooks, collected)
        return collected

    def _forget(self, module: object, record: PluginRecord) -> None:
        if self._manager.has_plugin(record.module):
            self._manager.unregister(module)

    def _import(self, record: PluginRecord) -> Any:
        if record.plugin is not None:
            return record.plugin
        start = time.perf_counter()
        try:
            with plugin_code(record):
                return importlib.import_module(record.module)
        except (KeyboardInterrupt, PluginError):
            raise
        except BaseException as error:
            raise broken(record, f"cannot be imported: {one_line(error)}") from error
        finally:
            self.import_seconds[record.module] = time.perf_counter() - start


def load_object(record: PluginRecord, name: str) -> Any:
    """Return what "package.module:Class" names. Raise PluginError."""
    module_name, _, attribute = name.partition(":")
    try:
        with plugin_code(record):
            found: Any = importlib.import_module(module_name)
            for part in attribute.split("."):
                found = getattr(found, part)
    except (KeyboardInterrupt, PluginError):
        raise
    except BaseException as error:
        raise broken(record, f"names {name}, which cannot be loaded: {one_line(error)}") from error
    return found


def make(record: PluginRecord, name: str, *arguments: object) -> Any:
    """Return an instance of what "package.module:Class" names.

    Raises PluginError, or the TaskError or UsageError of what is made with arguments: what the user has given may be
    wrong.
    """
    made = load_object(record, name)
    try:
        with plugin_code(record):
            return made(*arguments)
    except (KeyboardInterrupt, PluginError):
        raise
    except BaseException as error:
        if arguments and isinstance(error, TaskError | UsageError):
            raise
        raise broken(record, f"cannot make {name}: {one_line(error)}") from error


def make_guarded(record: PluginRecord, description: Description, field: str, *arguments: object) -> Any:
    """Return an instance of what a field of a description names, as the registry hands it out. Raise PluginError."""
    made = make(record, getattr(description, field), *arguments)
    guard = next(named.guard for named in record.kind.value.objects if named.field == field)
    return made if guard is None else load_named(guard)(made, record)
