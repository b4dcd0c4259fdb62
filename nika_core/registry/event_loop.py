"""Restores the event loop if importing a plugin changes it, and reports the change.

Most plugins need no event loop to describe themselves, so asyncio is not imported for this. If a plugin is the first to
import it, its state is taken at that moment.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from operator import is_
from types import ModuleType
from typing import Any, Final, TypeAlias

_ASYNCIO: Final = "asyncio"
_MODULES: Final = (_ASYNCIO, "asyncio.events", "asyncio.tasks", "asyncio.runners", "asyncio.base_events")
_CLASSES: Final = (("asyncio.base_events", "BaseEventLoop"), ("asyncio.selector_events", "BaseSelectorEventLoop"))
_POLICY: Final = "_event_loop_policy"  # a private name, but the one way to look without making a policy
_CHANGES_BY_ITSELF: Final = frozenset({_POLICY, "__doc__", "__dict__", "__abstractmethods__", "_abc_impl"})
_State: TypeAlias = tuple[list[tuple[Any, dict[str, Any]]], Any]


@contextmanager
def preserve_event_loop() -> Iterator[list[str]]:
    """Restore asyncio after this block. Yields the names that were changed, which are known once the block has been
    left.
    """
    changed: list[str] = []
    if _is_imported():
        before = _state()
        try:
            yield changed
        finally:
            changed += _restore(before)
        return
    first_import = _FirstImport()
    sys.meta_path.insert(0, first_import)
    try:
        yield changed
    finally:
        sys.meta_path.remove(first_import)
        if first_import.state is not None:
            changed += _restore(first_import.state)


class _FirstImport:
    """A finder and loader that takes the state of asyncio when it has been imported, before its importer goes on."""

    state: _State | None = None
    _loader: Any = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname == _ASYNCIO else None
        if spec is not None:
            self._loader = spec.loader
            spec.loader = self  # type: ignore[assignment]  # has what a loader has; its class takes 2 ms to import
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        found: ModuleType | None = self._loader.create_module(spec)
        return found

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self.state = _state()


def _is_imported() -> bool:
    return all(name in sys.modules for name in _MODULES)


def _state() -> _State:
    watched = [sys.modules[name] for name in _MODULES]
    watched += [getattr(sys.modules[module], name) for module, name in _CLASSES if module in sys.modules]
    policy = getattr(sys.modules["asyncio.events"], _POLICY, None)
    return [(each, dict(vars(each))) for each in watched], policy


def _restore(before: _State) -> Iterator[str]:
    """Put back what has changed, and yield its names."""
    watched, policy = before
    for each, was in watched:
        now = vars(each)
        if len(now) == len(was) and all(map(is_, now.values(), was.values())):  # as nearly always: a fifth of the time
            continue
        for name, value in was.items():
            if name not in _CHANGES_BY_ITSELF and now.get(name) is not value:
                setattr(each, name, value)
                yield f"{each.__name__}.{name}"
    events = sys.modules["asyncio.events"]
    found = getattr(events, _POLICY, None)
    if found is not policy and not (policy is None and type(found) is sys.modules[_ASYNCIO].DefaultEventLoopPolicy):
        setattr(events, _POLICY, policy)
        yield "asyncio's event loop policy"
