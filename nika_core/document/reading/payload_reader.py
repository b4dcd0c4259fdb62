"""A task's payload: checked by its keyword's schema, JSON types given, templates compiled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nika_core import codes
from nika_core.document.reading.text_files import Texts, with_texts
from nika_core.document.validation.compile_validators import compile_schema
from nika_core.document.validation.issues import ValidationIssue, add, enough
from nika_core.document.validation.json_tree import typed_tree
from nika_core.document.validation.templated import TypedText
from nika_core.errors import TemplateValueError
from nika_core.model.payload_tree import map_leaves
from nika_core.model.template import TypedTemplate
from nika_core.model.workflow import NodePath
from nika_core.plugin import Keyword
from nika_core.plugin.fields import TextFile
from nika_core.template import TemplateSyntaxError, compile_template

_TEXTS: Final = (str, TypedText)
_HERE: Final = Path()


class PayloadReader:
    """Reads the payloads of one keyword."""

    __slots__ = ("_check", "_files", "_literal", "_trees", "fields", "keyword")

    def __init__(self, keyword: Keyword) -> None:
        compiled = compile_schema(keyword.payload)
        self.keyword = keyword
        self.fields = frozenset() if keyword.short_form_only else compiled.fields
        self._check = compiled.check
        self._trees = keyword.json_fields
        self._files: Mapping[str, TextFile] = getattr(keyword.payload, "text_files", {})
        self._literal = keyword.verbatim_fields | self._files.keys()

    def read(
        self, node: Any, issues: list[ValidationIssue], folder: Path = _HERE, texts: Texts | None = None
    ) -> dict[str, Any]:
        """Return the payload; issues are relative to `node`, which is a mapping or what the short form allows.

        Args:
            folder: what the files of its fields are relative to.
            texts: is given what these files hold.
        """
        since = len(issues)
        short = self.keyword.short_form_only or isinstance(node, str)
        if short:
            node = {self.keyword.primary: node}
        elif type(node) is not dict:
            fields = f"it has the fields {', '.join(sorted(self.fields))}" if self.fields else None
            add(issues, node, f"a mapping, or a text as `{self.keyword.primary}`", fields)
            return {}
        texts = {} if texts is None else texts
        if self._files:
            node = with_texts(node, self._files, folder, texts, issues)
        payload = self._check(node, issues)
        if self._files and len(issues) > since:
            self._name_files(issues, since)
        for issue in issues[since:]:
            if issue.code == codes.UNKNOWN_KEY:  # within a payload it is an error of the payload
                issue.code = codes.BAD_PAYLOAD
        if type(payload) is not dict:
            if len(issues) == since:
                issues.append(ValidationIssue(f"the payload of `{self.keyword.name}` is not a mapping"))
            payload = {}
        if self._trees:
            for name in self._trees:
                if name in node and name in payload:
                    payload[name] = typed_tree(node[name])
        literal = self._literal
        for name, value in payload.items():  # of a broken payload too: more may be wrong with it
            kind = type(value)
            if kind is str:
                if ("{{" in value or "${" in value) and name not in literal:
                    payload[name] = compile_text(value, issues, (name,))
            elif kind is TypedText:
                if name in literal:
                    payload[name] = _convert(value, value, issues, (name,))
                else:
                    payload[name] = compile_text(value, issues, (name,))
            elif (kind is dict or kind is list) and name not in literal:
                payload[name] = _compile_tree(value, name, issues)
        for issue in issues[since:] if texts else ():
            field = issue.path[-1] if issue.path else None
            if field in texts and issue.place is None:
                key, source_map = texts[str(field)]
                issue.place = None if issue.offset is None else source_map.place(issue.offset)
                issue.path, issue.offset = [key], None
        if short:
            for issue in issues[since:]:
                del issue.path[-1:]  # the outermost step is the primary field, which its author left out
                issue.at_key = issue.at_key and bool(issue.path)
        return payload

    def _name_files(self, issues: list[ValidationIssue], since: int) -> None:
        """Say in the issue of a missing field that a file may stand in for it, unless its key is only misspelt."""
        for key, file in self._files.items():
            misspelt = any(issue.hint == f"did you mean `{key}`?" for issue in issues[since:])
            for issue in issues[since:]:
                if issue.path or issue.message != f"the key `{file.stands_for}` is missing":
                    continue
                if misspelt:
                    issues.remove(issue)
                else:
                    issue.hint = f"add `{file.stands_for}`, or `{key}`, the name of a file that has it"


def compile_text(text: str, issues: list[ValidationIssue], path: NodePath = ()) -> Any:
    """Return a text as a template if it is one; add an issue for each broken template in it."""
    try:
        template = compile_template(text)
    except TemplateSyntaxError as error:
        issues.extend(
            ValidationIssue(
                broken.message, broken.hint, list(reversed(path)), offset=broken.offset, code=codes.TEMPLATE_SYNTAX
            )
            for broken in (error, *error.further)
        )
        return error.rest
    if not isinstance(text, TypedText):
        return template
    if isinstance(template, str):
        return _convert(text, template, issues, path)
    if not template.placeholders:  # nothing but escaped braces
        return _convert(text, "".join(map(str, template.plan)), issues, path)
    return TypedTemplate.typed(template, text.convert, text.before_run)


def _convert(typed: TypedText, text: str, issues: list[ValidationIssue], path: NodePath) -> Any:
    """Return the value of a typed text without placeholders; add an issue if it does not fit."""
    try:
        return typed.convert(text)
    except TemplateValueError as error:
        issues.append(ValidationIssue(error.message, error.hint, list(reversed(path))))
        return None


def _compile_tree(tree: Any, name: str, issues: list[ValidationIssue]) -> Any:
    def compile_leaf(leaf: Any, path: NodePath) -> Any:
        if type(leaf) not in _TEXTS or ("{{" not in leaf and "${" not in leaf) or enough(issues):
            return leaf
        return compile_text(leaf, issues, path)

    return map_leaves(tree, compile_leaf, (name,))
