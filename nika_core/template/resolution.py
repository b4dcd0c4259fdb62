"""From a placeholder to its value, and from a payload to what its step is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from nika_core import codes
from nika_core.errors import NikaError, TemplateValueError
from nika_core.model.json import Json, JsonObject
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


def render_payload(
    keyword: Keyword,
    facets: Facets,
    payload: Mapping[str, PayloadValue],
    resolve_one: Callable[[Placeholder], Json],
    *,
    max_depth: int | None = None,
    max_characters: int = MAX_RENDERED_CHARACTERS,
) -> JsonObject:
    """Return what the step is given: the payload with each template replaced, field by field, by the keyword's rules.

    A placeholder is resolved once, however often it stands in the payload.

    Args:
        resolve_one: returns a placeholder's value; raises TemplateValueError.
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
    value_of: Callable[[Placeholder], Json],
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
        values: list[Json] = [value_of(placeholder) for placeholder in template.placeholders]
        if custom:
            return facets.render(name, template, values)
        if template.single and (tree or isinstance(template, TypedTemplate)):
            return template.convert(values[0]) if isinstance(template, TypedTemplate) else values[0]
        text = render(template, values)
        if len(text) > max_characters:
            raise TemplateValueError(
                f"the text with its values filled in has {len(text)} characters, at most {max_characters} are allowed",
                code=codes.VALUE_TOO_LARGE,
            )
        return template.convert(text) if isinstance(template, TypedTemplate) else text

    def fill(leaf: Any, path: NodePath) -> Any:
        if not isinstance(leaf, Template | str):
            return leaf
        try:
            return put_together(leaf)
        except TemplateValueError as error:
            place = ".".join(map(str, path))
            raise TemplateValueError(f"in '{place}': {error.message}", code=error.code, hint=error.hint) from error

    result: Json = map_leaves(value, fill, (written,))
    if tree and max_depth is not None and result is not value and nesting(result, max_depth) > max_depth:
        raise TemplateValueError(
            f"in '{written}': the value with its templates filled in is nested deeper than {max_depth} levels",
            code=codes.DEPTH_LIMIT,
        )
    return result
