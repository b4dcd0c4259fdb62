"""From a placeholder to its value, and from a payload to what its step is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from nika_core import codes
from nika_core.errors import NikaError, TemplateValueError
from nika_core.model.json import Json, JsonObject
from nika_core.model.late_values import KnownValue, LateText, LateValue
from nika_core.model.path import nesting
from nika_core.model.payload_tree import as_written, map_leaves
from nika_core.model.template import Placeholder, Template, TypedTemplate
from nika_core.model.workflow import NodePath, PayloadValue
from nika_core.plugin.facets import Facets
from nika_core.plugin.keyword import Keyword
from nika_core.plugin.template_source import Source, Values
from nika_core.template.pipes import apply_pipes
from nika_core.template.rendering import render

MAX_RENDERED_CHARACTERS: Final = 64 * 1024 * 1024
# What stands before the first pipe; a `|` in a quoted key is none.
_CHAIN: Final = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^|"'])*""")
# What `??` stands in for; a value that may not be used is not a missing one.
_MISSING_CODES: Final = frozenset({codes.MISSING_VALUE, codes.ENV_NOT_SET})


def resolve(placeholder: Placeholder, values: Values, source_of: Callable[[str], Source]) -> Json:
    """Return the value of a placeholder; of a chain of `??` the first value that is there and is not null.

    Args:
        source_of: returns the template source of a name.

    Raises:
        TemplateValueError: there is no value, or a pipe does not take it; the message begins with the placeholder.
    """
    value = _of_chain(placeholder, values, source_of)
    if not placeholder.pipes:
        return value
    try:
        result = apply_pipes(placeholder.pipes, value, values.max_depth)
    except TemplateValueError as error:
        raise TemplateValueError(f"{placeholder.text}: {error.message}", code=error.code, hint=error.hint) from None
    for member in placeholder.members:
        if mark := getattr(source_of(member.source), "mark_parts", None):  # a part of a secret is one
            mark(result, value)
    return result


def _of_chain(placeholder: Placeholder, values: Values, source_of: Callable[[str], Source]) -> Json:
    if not placeholder.is_optional:
        try:
            return source_of(placeholder.source).resolve(placeholder, values)
        except NikaError as error:
            raise _error(placeholder, error) from error
    missing: list[str] = []
    for member in placeholder.members:
        try:
            value = source_of(member.source).resolve(member, values)
        except NikaError as error:
            if not isinstance(error, TemplateValueError) or error.code not in _MISSING_CODES:
                raise _error(placeholder, error) from error
            missing.append(error.message)
            continue
        if value is not None:
            return value
        missing.append(f"'{'.'.join(member.path)}' is null")
    if placeholder.has_default:
        return placeholder.default  # type: ignore[return-value]  # it has one
    raise TemplateValueError(
        f"{placeholder.text}: none of its references has a value: {'; '.join(missing)}",
        hint=f"end it with a value for this case: {_with_default(placeholder)}",
    )


def _error(placeholder: Placeholder, error: NikaError) -> TemplateValueError:
    hint = error.hint
    if hint is None and isinstance(error, TemplateValueError) and error.code in _MISSING_CODES:
        hint = f"a default replaces a missing value: {_with_default(placeholder)}"
    return TemplateValueError(f"{placeholder.text}: {error.message}", code=error.code, hint=hint)


def _with_default(placeholder: Placeholder) -> str:
    closing = "}}" if placeholder.text.startswith("{{") else "}"
    inside = placeholder.text.removesuffix(closing).rstrip()
    chain = _CHAIN.match(inside).group() if placeholder.pipes else inside  # type: ignore[union-attr]  # it may be empty
    pipes = inside[len(chain) :]
    return f'{chain.rstrip()} ?? "..."{" " + pipes if pipes else ""}{closing}'


def resolve_early(
    placeholder: Placeholder, values: Values, source_of: Callable[[str], Source], is_late: Callable[[str], bool]
) -> Json | LateValue:
    """Return the value of a placeholder, or what is known of it if its value is late. Raise like `resolve`.

    Args:
        is_late: returns whether the values of a source are late.
    """
    late = [index for index, member in enumerate(placeholder.members) if is_late(member.source)]
    if not late:
        return resolve(placeholder, values, source_of)
    found: list[int] = []
    for index, member in enumerate(placeholder.members):
        if index in late:
            found.append(index)
            continue
        value = _value_if_there(member, placeholder, values, source_of)
        if value is not None:
            return LateValue(tuple(found), (value,)) if found else value
    return LateValue(tuple(found), (placeholder.default,) if placeholder.has_default else ())  # type: ignore[arg-type]  # it has one


def _value_if_there(
    member: Placeholder, placeholder: Placeholder, values: Values, source_of: Callable[[str], Source]
) -> Json:
    try:
        return source_of(member.source).resolve(member, values)
    except NikaError as error:
        if not isinstance(error, TemplateValueError) or error.code not in _MISSING_CODES:
            raise _error(placeholder, error) from error
        return None


def render_payload(
    keyword: Keyword,
    facets: Facets,
    payload: Mapping[str, PayloadValue],
    resolve_one: Callable[[Placeholder], Json | LateValue],
    *,
    max_depth: int | None = None,
    max_characters: int = MAX_RENDERED_CHARACTERS,
) -> JsonObject:
    """Return what the step is given: the payload with each template replaced, field by field, by the keyword's rules.

    A placeholder is resolved once, however often it stands in the payload.

    Args:
        resolve_one: returns a placeholder's value, or a `LateValue`: its text is then a `LateText`, which the attempt
            fills in; raises TemplateValueError.
        max_depth: nesting at which a JSON tree is refused; None: not bounded.
        max_characters: of one rendered text.

    Raises:
        TemplateValueError: the message names the field (`json.items.0`) and the placeholder.
    """
    values: dict[str, Any] = {}

    def value_of(placeholder: Placeholder) -> Any:
        if placeholder.text not in values:
            values[placeholder.text] = resolve_one(placeholder)
        return values[placeholder.text]

    return {
        name: _field(name, value, keyword, facets, value_of, max_depth, max_characters)
        for name, value in payload.items()
    }


def _field(
    name: str,
    value: PayloadValue,
    keyword: Keyword,
    facets: Facets,
    value_of: Callable[[Placeholder], Json | LateValue],
    max_depth: int | None,
    max_characters: int,
) -> Json:
    if name in keyword.verbatim_fields:
        verbatim: Json = as_written(value)
        return verbatim
    tree = name in keyword.json_fields
    custom = name in keyword.rendered_fields
    if isinstance(value, str) and not custom:
        return value
    written = keyword.name if keyword.short_form_only else name

    def put_together(template: Template | str) -> Json:
        if isinstance(template, str):
            return facets.render(name, template, ()) if custom else template
        values = [value_of(placeholder) for placeholder in template.placeholders]
        if any(isinstance(value, LateValue) for value in values):
            return _late_text(template, values)
        return render_text(keyword, facets, name, template, values, max_characters=max_characters)

    def fill(leaf: Any, path: NodePath) -> Any:
        if not isinstance(leaf, Template | str):
            return leaf
        with in_field(path):
            return put_together(leaf)

    result: Json = map_leaves(value, fill, (written,))
    if tree and max_depth is not None and result is not value and nesting(result, max_depth) > max_depth:
        raise TemplateValueError(
            f"in '{written}': the value with its templates filled in is nested deeper than {max_depth} levels",
            code=codes.DEPTH_LIMIT,
        )
    return result


def render_text(
    keyword: Keyword,
    facets: Facets,
    name: str,
    template: Template,
    values: Sequence[Json],
    *,
    max_characters: int = MAX_RENDERED_CHARACTERS,
) -> Json:
    """Return one text of the field `name` with its values put in, by the keyword's rules. Raise TemplateValueError."""
    if name in keyword.rendered_fields:
        return facets.render(name, template, values)
    if template.single and (name in keyword.json_fields or isinstance(template, TypedTemplate)):
        return template.convert(values[0]) if isinstance(template, TypedTemplate) else values[0]
    text = render(template, values)
    if len(text) > max_characters:
        raise TemplateValueError(
            f"the text with its values filled in has {len(text)} characters, at most {max_characters} are allowed",
            code=codes.VALUE_TOO_LARGE,
        )
    return template.convert(text) if isinstance(template, TypedTemplate) else text


@contextmanager
def in_field(path: NodePath) -> Iterator[None]:
    """Name a field in the message of a TemplateValueError that is raised inside."""
    try:
        yield
    except TemplateValueError as error:
        place = ".".join(map(str, path))
        raise TemplateValueError(f"in '{place}': {error.message}", code=error.code, hint=error.hint) from error


def _late_text(template: Template, values: Sequence[Json | LateValue]) -> LateText:
    if isinstance(template, TypedTemplate):
        raise TemplateValueError(f"{template.text}: this field takes no secret", code=codes.VALUE_NOT_ALLOWED_HERE)
    shown = [
        placeholder.text if isinstance(value, LateValue) else value
        for placeholder, value in zip(template.placeholders, values, strict=True)
    ]
    known = [value if isinstance(value, LateValue) else KnownValue(value) for value in values]
    return LateText(render(template, shown), template.text, known)
