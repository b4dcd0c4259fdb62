"""From text to a compiled template: one pass from left to right, once per text."""

from __future__ import annotations

import re
from typing import Any, Final

from nika_core.model.template import MISSING, Placeholder, Template
from nika_core.template.errors import TemplateSyntaxError
from nika_core.template.placeholder import BRACES_SOURCE, DOLLAR_OPENS, SOURCE_NAME, read_placeholder

# Splits common texts at once: literal, placeholder, literal, ..., literal. It accepts a little more than a valid
# placeholder, so `_compile` checks each. All else stays a bare opening or an escape, and sends the text to the slow
# and exact way.
_COMMON_FORM: Final = re.compile(
    r"(\{\{ ?[A-Za-z0-9_][A-Za-z0-9_.-]* ?\}\}|\$\{ ?[A-Za-z_][A-Za-z0-9_.-]* ?\}|\\\{\{|\\\$\{|\{\{|\$\{(?!\{))"
)
_DOLLAR: Final = re.compile(rf"\$\{{ *({SOURCE_NAME.pattern})\.([\w-]++(?:\.[\w-]++)*+) *\}}")
# Backslashes directly before an opening are read in pairs. In `${{` the braces open.
_OPENING: Final = re.compile(r"(?<!\\)(?P<backslashes>\\++)(?:\{\{|\$\{)|\{\{|\$\{(?!\{)")

_MAX_CACHED: Final = 4096  # texts
_MAX_CACHED_LENGTH: Final = 4096  # characters; longer texts are rare, and are compiled again
_MAX_PARSED: Final = 512  # placeholders; few enough to stay close to the processor
_cache: dict[str, Template | str] = {}
_parsed: dict[
    str, tuple[str, tuple[str, ...], Any]
] = {}  # as written -> its first fields, as the same placeholders recur
_MAX_ERRORS: Final = 128  # of one text, to bound the time for a hostile one
_make = tuple.__new__


def compile_template(text: str) -> Template | str:
    """Return the compiled text; a text without a placeholder and without an escape as it is, the same object.

    Raises:
        TemplateSyntaxError: with the offset of the character, and the escape; and what else is wrong.
    """
    compiled = _cache.get(text)
    if compiled is None:
        if "{{" not in text and "${" not in text:
            return text
        compiled = _compile(text)
        if len(text) <= _MAX_CACHED_LENGTH:
            if len(_cache) >= _MAX_CACHED:
                _cache.clear()
                _parsed.clear()
            _cache[text] = compiled
    return compiled


def _compile(text: str) -> Template | str:
    plan = _COMMON_FORM.split(text)
    at = 0
    for index in range(1, len(plan), 2):
        written = plan[index]
        first_fields = _parsed.get(written)
        if first_fields is None:
            if written[0] == "{" and written[-1] == "}":
                path = written[2:-2].strip(" ").split(".")
                if "" in path or path[0][-1] == "-":
                    return _compile_exactly(text)
                first_fields = (BRACES_SOURCE, tuple(path), MISSING)
            elif dollar := _DOLLAR.fullmatch(written):
                first_fields = (dollar[1], tuple(dollar[2].split(".")), MISSING)
            else:
                return _compile_exactly(text)
            if len(_parsed) < _MAX_PARSED:
                _parsed[written] = first_fields
        start = at + len(plan[index - 1])
        at = start + len(written)
        plan[index] = _make(Placeholder, first_fields + (start, at, written, (), False, ()))  # noqa: RUF005  # unpacking is slower
    return Template.planned(text, tuple(plan))


def _compile_exactly(text: str) -> Template | str:
    """Compile a text in any form: escapes, defaults, quoted keys, plain `${`. Raises TemplateSyntaxError."""
    plan: list[str | Placeholder] = []
    literal: list[str] = []
    at = 0
    changed = False
    errors: list[TemplateSyntaxError] = []
    while opening := _OPENING.search(text, at):
        start, end = opening.span()
        literal.append(text[at:start])
        backslashes = len(opening["backslashes"] or "")
        if backslashes:
            literal.append("\\" * (backslashes // 2))
            changed = True
            start += backslashes
        if backslashes % 2:
            literal.append(text[start:end])
        elif text.startswith("${{", start):  # the dollar is a character, and the braces open
            literal.append("$")
            end = start + 1
        elif text[start:end] == "${" and not DOLLAR_OPENS.match(text, start):
            literal.append("${")
        else:
            try:
                placeholder = read_placeholder(text, start)
            except TemplateSyntaxError as error:
                errors.append(error)
                at = max(error.offset, end)  # the next placeholder may begin behind this error
                literal.append(text[start:at])
                if len(errors) == _MAX_ERRORS:
                    break
                continue
            plan += ("".join(literal), placeholder)
            literal.clear()
            end = placeholder.end
            changed = True
        at = end
    literal.append(text[at:])
    compiled = Template.planned(text, (*plan, "".join(literal))) if changed else text
    if errors:
        first, *further = errors
        first.further, first.rest = tuple(further), compiled
        raise first
    return compiled
