"""A task's payload: checked by its keyword's schema, JSON types given, templates compiled."""

from __future__ import annotations

from typing import Any

from nika_core import codes
from nika_core.document.validation.compile_validators import compile_schema
from nika_core.document.validation.issues import ValidationIssue, add, enough, under
from nika_core.document.validation.json_tree import typed_tree
from nika_core.document.validation.templated import TypedText
from nika_core.errors import TemplateValueError
from nika_core.model.template import TypedTemplate
from nika_core.plugin import Keyword
from nika_core.template import TemplateSyntaxError, compile_template


class PayloadReader:
    """Reads the payloads of one keyword."""

    __slots__ = ("_check", "_literal", "_trees", "fields", "keyword")

    def __init__(self, keyword: Keyword) -> None:
        compiled = compile_schema(keyword.payload)
        self.keyword = keyword
        self.fields = compiled.fields
        self._check = compiled.check
        self._trees = keyword.json_fields
        self._literal = keyword.verbatim_fields

    def read(self, node: Any, issues: list[ValidationIssue]) -> dict[str, Any]:
        """The payload; issues are relative to `node`, which is a mapping or the short form's scalar."""
        since = len(issues)
        short = isinstance(node, str)
        if short:
            node = {self.keyword.primary: node}
        elif type(node) is not dict:
            fields = f"it has the fields {', '.join(sorted(self.fields))}" if self.fields else None
            add(issues, node, f"a mapping, or a text as `{self.keyword.primary}`", fields)
            return {}
        made = self._check(node, issues)
        for issue in issues[since:]:
            if issue.code == codes.UNKNOWN_KEY:  # in a payload, it is the payload that is bad
                issue.code = codes.BAD_PAYLOAD
        if type(made) is not dict:
            if len(issues) == since:
                issues.append(ValidationIssue(f"the payload of `{self.keyword.name}` is no mapping"))
            made = {}
        if self._trees:
            for name in self._trees:
                if name in node and name in made:
                    made[name] = typed_tree(node[name])
        literal = self._literal
        for name, value in made.items():  # of a broken payload too: more may be wrong with it
            kind = type(value)
            if kind is str:
                if ("{{" in value or "${" in value) and name not in literal:
                    made[name] = compiled(value, issues, name)
            elif kind is TypedText:
                made[name] = _convert(value, issues, name) if name in literal else compiled(value, issues, name)
            elif (kind is dict or kind is list) and name not in literal:
                before = len(issues)
                made[name] = compiled_tree(value, issues)
                if len(issues) > before:
                    under(issues, before, name)
        if short:
            for issue in issues[since:]:
                issue.path.clear()
                issue.at_key = False
        return made


def compiled(text: str, issues: list[ValidationIssue], step: str | int | None = None) -> Any:
    """A text as a template where it is one; an issue for each broken one in it."""
    try:
        template = compile_template(text)
    except TemplateSyntaxError as error:
        for each in (error, *error.further):
            path = [] if step is None else [step]
            issues.append(
                ValidationIssue(each.message, each.hint, path, offset=each.offset, code=codes.TEMPLATE_SYNTAX)
            )
        return error.rest
    if not isinstance(text, TypedText):
        return template
    if isinstance(template, str):
        return _convert(text, issues, step, template)
    if not template.placeholders:  # nothing but escaped braces
        return _convert(text, issues, step, "".join(map(str, template.plan)))
    return TypedTemplate.typed(template, text.convert)


def _convert(text: TypedText, issues: list[ValidationIssue], step: str | int | None, value: str | None = None) -> Any:
    """A typed text without placeholders as its value; an issue where it does not fit."""
    try:
        return text.convert(text if value is None else value)
    except TemplateValueError as error:
        issues.append(ValidationIssue(error.message, error.hint, [] if step is None else [step]))
        return None


def compiled_tree(value: Any, issues: list[ValidationIssue]) -> Any:
    """A tree with its texts compiled; the same object where there is nothing to compile."""
    kind = type(value)
    if kind is str or kind is TypedText:
        return compiled(value, issues) if "{{" in value or "${" in value else value
    made: Any = None
    for key, item in value.items() if kind is dict else enumerate(value) if kind is list else ():
        inner = type(item)
        if inner is str or inner is TypedText:
            if "{{" not in item and "${" not in item:
                continue
        elif inner is not dict and inner is not list:
            continue
        since = len(issues)
        new = compiled_tree(item, issues)
        if new is not item:
            made = value.copy() if made is None else made
            made[key] = new
        if len(issues) > since:
            under(issues, since, key)
            if enough(issues):
                break
    return value if made is None else made
