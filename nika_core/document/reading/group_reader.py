"""`forEach`, `repeat` and `onError`: what makes a task stand for several nodes, and what its failure means."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from nika_core import codes
from nika_core.document.reading import workflow_schema
from nika_core.document.reading.deferred_fields import defer
from nika_core.document.reading.payload_reader import compile_text
from nika_core.document.validation.compile_validators import compile_schema
from nika_core.document.validation.issues import ValidationIssue, add, under
from nika_core.document.validation.json_tree import typed_tree
from nika_core.model.payload_tree import map_leaves
from nika_core.model.template import Template
from nika_core.model.workflow import ForEach, ItemError, NodePath, OnError, PayloadValue, Repeat
from nika_core.template import ConditionSyntaxError

_CHECK_FOR_EACH: Final = compile_schema(workflow_schema.FOR_EACH).check
_Rule = TypeVar("_Rule", OnError, ItemError)


def read_for_each(
    node: Any, issues: list[ValidationIssue], deferred: dict[NodePath, Template], path: NodePath
) -> ForEach | None:
    """Return a task's `forEach`; None if it is broken. Issues are relative to `node`.

    Args:
        deferred: is given the templates of its numbers, by their paths.
        path: of `node` in the document.
    """
    if type(node) is not dict:
        items = _items(node, issues)
        return None if items is None else ForEach(items)
    since = len(issues)
    fields = _CHECK_FOR_EACH(node, issues)
    on_error, value = ItemError.FAIL, None
    if "onItemError" in node:
        on_error, value = read_error_rule(node["onItemError"], ItemError, "onItemError", issues)
    if len(issues) > since or not fields:
        return None
    defer(fields, issues, deferred, path)
    items = _items(node["items"], issues)
    if len(issues) > since:
        under(issues, since, "items")
    key = compile_text(fields["key"], issues, ("key",)) if fields.get("key") else None
    if len(issues) > since or items is None:
        return None
    return ForEach(items, key, fields.get("maxConcurrent"), fields.get("max"), on_error, value)


def _items(node: Any, issues: list[ValidationIssue]) -> PayloadValue:
    """Return the items: one template, or a list of texts and objects."""
    if isinstance(node, str):
        template = compile_text(node, issues)
        if isinstance(template, Template) and template.single is not None:
            return template
        if not isinstance(template, Template) or template.placeholders:
            hint = 'e.g. `forEach: "{{files}}"`, `forEach: [a, b]`'
            issues.append(ValidationIssue("the items are one template, or a list", hint, code=codes.BAD_VALUE))
        return None
    if type(node) is list:
        return compile_tree(typed_tree(node), issues)
    add(issues, node, "one template, or a list of texts or objects")
    return None


def read_error_rule(
    node: Any, rules: type[_Rule], key: str, issues: list[ValidationIssue]
) -> tuple[_Rule, PayloadValue]:
    """Return what a failure means, and the value that stands in for the output if the rule is `{value: ...}`."""
    words = [rule.value for rule in rules if rule is not rules("value")]
    since = len(issues)
    if isinstance(node, str) and node in words:
        return rules(str(node)), None
    if type(node) is dict and list(node) == ["value"]:
        value = compile_tree(typed_tree(node["value"]), issues)
        under(issues, since, "value")
    else:
        value = None
        add(issues, node, f"{', '.join(f'`{word}`' for word in words)}, or `{{value: ...}}`")
    under(issues, since, key)
    return rules("value"), value


def compile_tree(tree: Any, issues: list[ValidationIssue]) -> PayloadValue:
    """Return a JSON tree with its texts compiled, if they have templates in them."""

    def compile_leaf(leaf: Any, path: NodePath) -> Any:
        if not isinstance(leaf, str) or ("{{" not in leaf and "${" not in leaf):
            return leaf
        return compile_text(leaf, issues, path)

    compiled: PayloadValue = map_leaves(tree, compile_leaf)
    return compiled


def read_repeat(fields: dict[str, Any], issues: list[ValidationIssue]) -> Repeat | None:
    """Return a task's `repeat`, whose fields the schema has checked; None if its condition is broken."""
    from nika_core.template import compile_condition  # most workflows have no condition

    try:
        until = compile_condition(fields["until"])
    except ConditionSyntaxError as error:
        where: list[str | int] = ["until", "repeat"]
        issues.append(ValidationIssue(error.message, error.hint, where, offset=error.offset, code=codes.BAD_CONDITION))
        return None
    conversation = fields.get("conversation")
    return Repeat(
        until,
        fields["max"] or 1,  # where a template stands, any number that may be
        fields.get("every") or 0.0,
        fields.get("onExhausted") != "continue",
        fields.get("onRoundError") != "continue",
        bool(fields.get("collect")),
        None if conversation is None else conversation == "continue",
    )
