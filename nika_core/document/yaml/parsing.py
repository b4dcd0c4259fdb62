"""From text to a tree: strict YAML, read as far as it can be read."""

from __future__ import annotations

from nika_core.document.yaml.deadline import ValidationDeadline
from nika_core.document.yaml.nodes import Tree
from nika_core.document.yaml.parser_events import YamlError, parser_events
from nika_core.document.yaml.read_limits import ReadLimits
from nika_core.document.yaml.syntax_errors import explain_syntax_error
from nika_core.document.yaml.tree_builder import StopReadingError, TreeBuilder


def parse_yaml(
    data: bytes, text: str, read_limits: ReadLimits, deadline: ValidationDeadline, *, pure: bool = False
) -> Tree:
    """Read a document as far as it can be read. Raises for running out of time, never for the document's content.

    Args:
        data: the same as `text`, in UTF-8, without a byte order mark.

    Raises:
        OutOfTimeError: at the deadline.
    """
    builder = TreeBuilder(text, read_limits, deadline)
    tree = builder.tree
    try:
        builder.run(parser_events(data, text, pure=pure))
    except StopReadingError:
        tree.whole = False
    except YamlError as error:
        tree.whole = False
        tree.issues.extend(explain_syntax_error(error, text))
        mark = getattr(error, "problem_mark", None)
        tree.stopped_at = -1 if mark is None else mark.index
    too_many = read_limits.too_many_items(tree) if tree.whole else None
    if too_many is not None:
        builder.keep(too_many)
    return tree
