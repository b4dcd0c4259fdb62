"""Limits of a document that are checked while it is read, before it takes much memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nika_core import codes
from nika_core.document.yaml.nodes import Tree
from nika_core.document.yaml.syntax_issues import SyntaxIssue
from nika_core.errors import Place, Problem
from nika_core.model.limits import Limit, LimitKind, Limits
from nika_core.values import dataclass

_MAX_DEPTH: Final = 400  # whatever the limit allows: later steps are recursive
_BYTES_PER_NODE: Final = 6  # the size limit divided by this bounds the nodes, and so a hostile document's memory
_MIN_NODES: Final = 100_000
_BYTES_PER_TEMPLATE: Final = 40  # the same for placeholders
_MIN_TEMPLATES: Final = 20_000


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """The limits of a document. `counted`: root keys whose lists are bounded."""

    depth: Limit | None
    max_depth: int
    max_nodes: int | None
    size: Limit | None
    counted: Mapping[str, Limit]

    @classmethod
    def of(cls, limits: Limits) -> ReadLimits:
        depth = limits.bounds.get(LimitKind.RECURSION)
        size = limits.bounds.get(LimitKind.YAML_BYTES)
        counted = {"tasks": limits.bounds.get(LimitKind.TASKS), "flows": limits.bounds.get(LimitKind.FLOWS)}
        return cls(
            depth,
            min(int(depth.value), _MAX_DEPTH) if depth else _MAX_DEPTH,
            max(int(size.value) // _BYTES_PER_NODE, _MIN_NODES) if size else None,
            size,
            {key: limit for key, limit in counted.items() if limit},
        )

    def too_many_templates(self, text: str, path: str) -> Problem | None:
        """Return a problem if the text has too many placeholders. They are counted before any is compiled."""
        if self.size is None:
            return None
        most = max(int(self.size.value) // _BYTES_PER_TEMPLATE, _MIN_TEMPLATES)
        templates = text.count("{{") + text.count("${")
        if templates <= most:
            return None
        message = f"the document has {templates} templates, and {self.size.name} allows for {most}"
        return Problem(codes.COUNT_LIMIT, message, Place(path), f"split it, or raise {self.size.name}")

    def too_many_items(self, tree: Tree) -> SyntaxIssue | None:
        """Return an issue at the first task or flow over its limit."""
        if type(tree.root) is not dict:
            return None
        for name, limit in self.counted.items():
            items, most = tree.root.get(name), int(limit.value)
            if type(items) is list and len(items) > most:
                entries = tree.entries.get(id(items), ())
                start = tree.offsets[entries[most] if len(entries) > most else -1]
                message = f"more than {most} {name}, as many as {limit.name} allows"
                return SyntaxIssue(
                    codes.COUNT_LIMIT, message, start, None, f"split the workflow, or raise {limit.name}"
                )
        return None

    def too_many_nodes(self, tree: Tree, quoted: int) -> SyntaxIssue | None:
        """Return an issue if the values would take too much memory. `quoted`: how many take more than others."""
        if self.max_nodes is None or self.size is None or len(tree.offsets) + 4 * quoted <= self.max_nodes:
            return None
        message = f"the document has more than {self.max_nodes} values, as many as {self.size.name} allows for"
        return SyntaxIssue(codes.COUNT_LIMIT, message, tree.offsets[-1], None, f"split it, or raise {self.size.name}")

    def too_deep(self, start: int) -> SyntaxIssue:
        """Return the issue of a node below the deepest level."""
        ours = self.depth is not None and self.depth.value == self.max_depth
        says = (
            f"{self.depth.name} allows {self.max_depth} levels"
            if self.depth and ours
            else f"{self.max_depth} levels are read at most"
        )
        message = f"the document is nested too deeply: {says}"
        return SyntaxIssue(codes.DEPTH_LIMIT, message, start, None, "make it flatter")
