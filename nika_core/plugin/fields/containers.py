"""Mappings, lists, choices, and what a field of a mapping can say of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from nika_core.plugin.fields.validator import Either, Validator, strict


class Optional:
    """Mark a key of a `Map` as one that may be missing.

    Attributes:
        key: the key.
    """

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key


class Field:
    """A field of a `Map` with what is known about it. `field` makes one.

    Attributes:
        validator: what the value has to be.
        doc: one sentence for editors and `nika plugins show`.
        default: the value of a missing key; None: there is none.
    """

    __slots__ = ("default", "doc", "validator")

    def __init__(self, validator: Validator, doc: str, default: Any) -> None:
        self.validator, self.doc, self.default = validator, doc, default


def field(validator: Validator, doc: str = "", *, default: Any = None) -> Field:
    """Document a field of a `Map`, and perhaps give it a default, so that its key may be missing.

    Args:
        validator: what the value has to be.
        doc: one sentence for editors and `nika plugins show`.
        default: the value of a missing key, as the validator returns it.
    """
    return Field(validator, doc, default)


class TextFile(Validator):
    """Accept the name of a file whose text stands in for another field of the same `Map`: `promptFile` for `prompt`.

    In a keyword's payload only. The kernel reads the file, relative to the workflow's file and inside its folder,
    before the payload is checked. The other field then has the text: its templates are checked, with their places in
    that file, and a changed file is a changed definition. The name itself is without templates. Its key may be missing;
    if the other field is required, there is exactly one of the two, else at most one.

    Attributes:
        stands_for: the key of the other field.
        max_bytes: size at which the file is refused.
    """

    def __init__(self, stands_for: str, *, max_bytes: int = 1024 * 1024) -> None:
        self.stands_for = stands_for
        self.max_bytes = max_bytes

    def _build(self) -> Any:
        return import_module("strictyaml").Str()


class Map(Validator):
    """Accept a mapping with these keys and no others. A key is required unless it is `Optional` or has a default.

    Attributes:
        docs: the documentation of the fields that have one, by key.
        text_files: the fields that are a `TextFile`, by key.
    """

    def __init__(self, members: Mapping[str | Optional, Validator | Field]) -> None:
        self._members = {
            key.key if isinstance(key, Optional) else key: (
                isinstance(key, Optional) or _is_text_file(member),
                member if isinstance(member, Field) else Field(member, "", None),
            )
            for key, member in members.items()
        }
        self.docs: Mapping[str, str] = {key: member.doc for key, (_, member) in self._members.items() if member.doc}
        self.text_files: Mapping[str, TextFile] = {
            key: member.validator
            for key, (_, member) in self._members.items()
            if isinstance(member.validator, TextFile)
        }
        for key, file in self.text_files.items():
            if file.stands_for not in self._members:
                raise ValueError(f"the field `{key}` stands for `{file.stands_for}`, which is not a field beside it")

    def _build(self) -> Any:
        from nika_core.plugin.fields.strict_classes import DocumentedMap

        optional = import_module("strictyaml").Optional
        members = {
            optional(key, default=member.default) if may_be_missing or member.default is not None else key: strict(
                member.validator
            )
            for key, (may_be_missing, member) in self._members.items()
        }
        return DocumentedMap(members, self.docs, self.text_files)


class MapPattern(Validator):
    """Accept a mapping of any keys, all of whose keys and values are of one kind."""

    def __init__(
        self, key: Validator, value: Validator, *, minimum_keys: int | None = None, maximum_keys: int | None = None
    ) -> None:
        self._key, self._value = key, value
        self._bounds = {"minimum_keys": minimum_keys, "maximum_keys": maximum_keys}

    def _build(self) -> Any:
        return import_module("strictyaml").MapPattern(strict(self._key), strict(self._value), **self._bounds)


class Seq(Validator):
    """Accept a list of values of one kind."""

    def __init__(self, item: Validator) -> None:
        self._item = item

    def _build(self) -> Any:
        return getattr(import_module("strictyaml"), type(self).__name__)(strict(self._item))


class UniqueSeq(Seq):
    """Accept a list of values of one kind, none of them twice."""


class FixedSeq(Validator):
    """Accept a list with exactly one value for each of these validators, in order."""

    def __init__(self, items: Sequence[Validator]) -> None:
        self._items = tuple(items)

    def _build(self) -> Any:
        return import_module("strictyaml").FixedSeq([strict(item) for item in self._items])


class Enum(Validator):
    """Accept one of these texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = list(texts)

    def _build(self) -> Any:
        return import_module("strictyaml").Enum(self._texts)


class EmptyDict(Validator):
    """Accept nothing at all, as an empty mapping: `EmptyDict() | MapPattern(Str(), Str())`."""


class EmptyList(Validator):
    """Accept nothing at all, as an empty list: `EmptyList() | Seq(Str())`."""


class Templated(Validator):
    """Accept what another validator accepts, or a template whose text with its values in it is checked again.

    `Templated(Int())` takes `3` and `"${input.count}"`; the step is given an integer in both cases. A template whose
    value is known before the run (inputs, the environment) is filled in then: a value that does not fit is a problem
    with its place, nothing has started, and the facets are asked again with the value. A value that a task brings and
    that does not fit fails the task with category `template` and the name of the field. While a document is checked
    without a run, and for what a task brings, facets see a `Template`.

    Args:
        inner: what the value has to be.
        before_run: whether the value must be known before the run, or be an item's (`${each...}`): a template that
            needs a task's output is an error. For numbers that bound what a task may cost.
    """

    def __init__(self, inner: Validator, *, before_run: bool = False) -> None:
        self._inner = inner
        self._before_run = before_run

    def _build(self) -> Any:
        from nika_core.plugin.fields.strict_classes import TemplatedValidator

        return TemplatedValidator(strict(self._inner), self._before_run)


class Checked(Validator):
    """Accept what another validator accepts, if a function finds nothing wrong with its value as a whole.

    For rules between the keys of a `Map`, in settings and sections: `Checked(Map({...}), one_of_both)`. In a keyword's
    payload such rules belong to its facets, which see the values of templates.

    Args:
        inner: what the value has to be.
        check: called with a value that `inner` has accepted, as `inner` returns it; returns the sentence that says what
            is wrong with it, or None. Pure and quick.
    """

    def __init__(self, inner: Validator, check: Callable[[Any], str | None]) -> None:
        self._inner = inner
        self._check = check

    def _build(self) -> Any:
        from nika_core.plugin.fields.strict_classes import CheckedValidator

        return CheckedValidator(strict(self._inner), self._check)


def _is_text_file(member: object) -> bool:
    return isinstance(member.validator if isinstance(member, Field) else member, TextFile)


def field_docs(validator: object) -> Mapping[str, str]:
    """Return the documentation of a `Map`'s fields, also of one that is the item of a list; nothing for any other."""
    if isinstance(validator, Map):
        return validator.docs
    if isinstance(validator, Checked):
        return field_docs(validator._inner)
    if isinstance(validator, Seq):
        return field_docs(validator._item)
    if isinstance(validator, Either):
        return {**field_docs(validator.first), **field_docs(validator.second)}
    return {}
