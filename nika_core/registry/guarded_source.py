"""A template source as the kernel asks it: whatever a plugin does wrong there is one PluginError with its name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from nika_core.errors import NikaError, PluginError
from nika_core.model.json import Json, JsonObject
from nika_core.model.masking import texts_in
from nika_core.model.template import Placeholder
from nika_core.plugin import Scope, Source, Values
from nika_core.plugin.template_source import LateSource, SourceReport, TypedSource
from nika_core.registry.loading import broken, one_line
from nika_core.registry.scan import PluginRecord

_JSON: Final = (str, int, float, Mapping, list, tuple, type(None))  # what is in it, the output of a task tells


class GuardedSource:
    """Guard `own`, an object of `record`. Errors meant for the user pass; all else is the plugin's fault.

    Written out and not through one method with a lambda: templates are resolved by the thousand.
    """

    __slots__ = ("_on_secret", "_own", "record")

    def __init__(self, own: Source, record: PluginRecord) -> None:
        self._own = own
        self._on_secret: Callable[[Iterable[str]], None] | None = None
        self.record = record

    def tell_secrets(self, on_secret: Callable[[Iterable[str]], None] | None) -> None:
        """Have `on_secret` told every text that it returns from now on; None: its values are not secret."""
        self._on_secret = on_secret

    def mark_parts(self, result: Json, value: Json) -> None:
        """Tell what pipes have taken out of a value, if this source's values are secret."""
        if self._on_secret is not None:
            whole = tuple(texts_in(value))
            self._on_secret(text for text in texts_in(result) if any(text in each for each in whole))

    def _failed(self, name: str, error: BaseException) -> PluginError:
        return broken(self.record, f"fails in `{name}`: {one_line(error)}")

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        try:
            self._own.check(placeholder, scope, report)
        except (NikaError, KeyboardInterrupt):
            raise
        except BaseException as error:  # not even its SystemExit may end a command
            raise self._failed("check", error) from error

    def schema(self, placeholder: Placeholder, scope: Scope) -> JsonObject | None:
        if not isinstance(self._own, TypedSource):
            return None
        try:
            return self._own.schema(placeholder, scope)
        except (NikaError, KeyboardInterrupt):
            raise
        except BaseException as error:  # see `check`
            raise self._failed("schema", error) from error

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        try:
            return tuple(self._own.depends_on(placeholder))
        except (NikaError, KeyboardInterrupt):
            raise
        except BaseException as error:  # see `check`
            raise self._failed("depends_on", error) from error

    def secrets(self, placeholder: Placeholder) -> Iterable[str]:
        if not isinstance(self._own, LateSource):
            raise broken(self.record, "is a late template source, and has no `secrets(self, placeholder)`")
        try:
            names = tuple(self._own.secrets(placeholder))
            if not names or not all(isinstance(name, str) and name for name in names):
                raise TypeError("it names no secret")
        except (NikaError, KeyboardInterrupt):
            raise
        except BaseException as error:  # see `check`
            raise self._failed("secrets", error) from error
        return names

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        try:
            value = self._own.resolve(placeholder, values)
            if not isinstance(value, _JSON) or (isinstance(value, float) and not math.isfinite(value)):
                what = f"the number {value}" if isinstance(value, float) else f"a value of type {type(value).__name__}"
                raise TypeError(f"it returned {what}, which is not JSON")
            if self._on_secret is not None:
                self._on_secret(texts_in(value))
        except (NikaError, KeyboardInterrupt):
            raise
        except BaseException as error:  # see `check`
            raise self._failed("resolve", error) from error
        return value
