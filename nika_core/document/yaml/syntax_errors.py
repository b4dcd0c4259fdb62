"""The parser's errors in words that help."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

from nika_core import codes
from nika_core.document.yaml.strict_yaml_errors import unquoted_template
from nika_core.document.yaml.syntax_issues import SyntaxIssue

# A value, an item or an entry of a flow collection that starts with an unquoted template.
_UNQUOTED: Final = re.compile(r"(?:^|[:\-,\[{?])[ \t]+(\{\{)|[\[,{](\{\{)|:[ \t]*(\$\{)")


@cache
def control_characters() -> re.Pattern[str]:
    """Return the pattern of forbidden characters. Compiled late: that takes longer than reading a small file."""
    return re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


_MESSAGES: Final = {
    "mapping values are not allowed in this context": (
        "`: ` makes a key here, and no key is allowed here",
        "put a value that has `: ` in it in quotes; an inner key stands on a line of its own, indented",
    ),
    "did not find expected key": (
        "the indentation does not fit, or something stands after the end of a value",
        "align this line with the keys of its mapping",
    ),
    "did not find expected '-' indicator": (
        "the list's next item was expected, but this line does not start with `-` in the list's column",
        "align this line with the `-` of the list, or indent it under the item",
    ),
    "did not find expected ',' or '}'": ("`{` is not closed, or a `,` is missing", "close it with `}`"),
    "did not find expected ',' or ']'": ("`[` is not closed, or a `,` is missing", "close it with `]`"),
    "found unexpected end of stream": ("a quoted text is not closed", "close it with the same quote"),
    "could not find expected ':'": (
        "this is not `key: value`: the `:` is missing",
        "write `key: value`; a text that goes on from the line above is indented further than its key",
    ),
    "found unexpected document indicator": ("a quoted text is not closed before `---`", "close it"),
    "did not find expected <document start>": (
        "the document has ended, and more text follows",
        "a file holds one document: remove `...` and `---`, or check the indentation of this line",
    ),
    "found unknown escape character": (
        "no such escape in a double-quoted text",
        r"write `\\` for a backslash, or use single quotes",
    ),
    "block sequence entries are not allowed in this context": (
        "a list cannot start here",
        "put `- ` on a line of its own, indented; put a text that starts with `- ` in quotes",
    ),
    "found a tab character that violates indentation": ("a tab cannot indent", "indent with spaces"),
    "found a tab character where an indentation space is expected": ("a tab cannot indent", "indent with spaces"),
    "did not find expected alphabetic or numeric character": (
        "`&` and `*` start an anchor or an alias here, which strict YAML does not have",
        "put the whole value in quotes",
    ),
    "found unexpected ':'": ("a `:` is not allowed here", "put a space after `key:`, or the whole text in quotes"),
    "did not find expected node content": ("a value is missing here", "write one, or quotes for an empty text"),
}

# The parser notices these late: the place where the text or the key began is more useful.
_LATE_ERRORS: Final = frozenset(
    {"could not find expected ':'", "found unexpected end of stream", "found unexpected document indicator"}
)


def explain_syntax_error(error: Any, text: str) -> list[SyntaxIssue]:
    """Return the issues that a parser's error stands for."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return _control_characters(error, text)
    problem = str(error.problem or "this is not YAML")
    start = min(mark.index, len(text))
    context = getattr(error, "context_mark", None)
    context_start = min(context.index, len(text)) if context is not None else start
    template_start = _find_unquoted_template(text, start) or _find_unquoted_template(text, context_start)
    if template_start is not None:
        return [unquoted_template(text, template_start)]
    message, hint = _MESSAGES.get(problem, (problem, ""))
    if problem.startswith("found character that cannot start any token"):
        character = text[start : start + 1]
        if character == "\t":
            message, hint = "a tab cannot indent", "indent with spaces"
        else:
            message, hint = f"an unquoted text cannot start with `{character}`", "put it in quotes"
    elif problem == "did not find expected key" and text[text.rfind("\n", 0, start) + 1 : start].strip(" -"):
        message = "something stands after the end of a value"
        hint = "put the whole value in quotes; within single quotes a ' is written ''"
    elif problem in _LATE_ERRORS or (
        problem.startswith("did not find expected ','") and "\n" in text[context_start:start]
    ):
        start = context_start
    return [SyntaxIssue(codes.YAML_SYNTAX, message, start, None, hint or None)]


def _find_unquoted_template(text: str, start: int) -> int | None:
    """Return where an unquoted template starts in the line of `start`, at or before it."""
    begin = max(text.rfind("\n", 0, start) + 1, start - 2000)
    end = text.find("\n", start, start + 2000)
    line = text[begin : end if end >= 0 else start + 2000]
    for match in _UNQUOTED.finditer(line):
        group = match.lastindex or 1
        if match.group(group) == "${" and "{" not in line[: match.start(group)]:
            continue  # in block style `${` is a text like any other
        before = line[: match.start(group)]
        if before.count('"') % 2 or before.count("'") % 2 or "#" in before:
            continue
        return begin + match.start(group)
    return None


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _control_characters(error: Any, text: str) -> list[SyntaxIssue]:
    issues = [
        SyntaxIssue(
            codes.YAML_SYNTAX,
            f"the character U+{ord(match.group()):04X} is not allowed in YAML",
            match.start(),
            hint=f'remove it, or write it as an escape in double quotes: "{_escape(match.group())}"',
        )
        for match, _ in zip(control_characters().finditer(text), range(20), strict=False)
    ]
    return issues or [SyntaxIssue(codes.YAML_SYNTAX, str(getattr(error, "reason", error)), 0)]
