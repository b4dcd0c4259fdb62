"""Our own classes of strictyaml validators. Only what reads a document imports this module, and strictyaml with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import strictyaml

if TYPE_CHECKING:
    from nika_core.plugin.fields.containers import TextFile
    from nika_core.plugin.fields.scalars import Scalar


class DocumentedMap(strictyaml.Map):  # type: ignore[misc]  # strictyaml has no types
    """A `Map` that knows what its fields are for, and which of them name files."""

    def __init__(
        self, members: Mapping[Any, Any], docs: Mapping[str, str], text_files: Mapping[str, TextFile] | None = None
    ) -> None:
        super().__init__(members)
        self.docs = docs
        self.text_files = text_files or {}


class ScalarOf(strictyaml.ScalarValidator):  # type: ignore[misc]  # strictyaml has no types
    """A scalar type of ours, for strictyaml."""

    def __init__(self, scalar: Scalar) -> None:
        self.scalar = scalar

    def validate_scalar(self, chunk: Any) -> Any:
        try:
            return self.scalar.parse(chunk.contents)
        except ValueError as error:
            return chunk.expecting_but_found(f"when expecting {self.scalar.expects}", str(error))

    def to_yaml(self, data: Any) -> str:
        return self.scalar.to_text(data)


class TemplatedValidator(strictyaml.Validator):  # type: ignore[misc]  # strictyaml has no types
    """To strictyaml it is what it wraps; templates are what the compiled form accepts beside."""

    def __init__(self, inner: Any, before_run: bool = False) -> None:
        self.inner = inner
        self.before_run = before_run

    def __call__(self, chunk: Any) -> Any:
        return self.inner(chunk)

    def to_yaml(self, data: Any) -> Any:
        return self.inner.to_yaml(data)


class CheckedValidator(strictyaml.Validator):  # type: ignore[misc]  # strictyaml has no types
    """What it wraps, and then a check of the whole value."""

    def __init__(self, inner: Any, check: Callable[[Any], str | None]) -> None:
        self.inner = inner
        self.check = check

    def __call__(self, chunk: Any) -> Any:
        value = self.inner(chunk)
        wrong = self.check(value.data)
        return value if wrong is None else chunk.expecting_but_found("when expecting a value that fits", wrong)

    def to_yaml(self, data: Any) -> Any:
        return self.inner.to_yaml(data)
