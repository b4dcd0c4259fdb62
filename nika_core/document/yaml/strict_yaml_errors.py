"""The errors for YAML that the strict subset leaves out."""

from __future__ import annotations

from nika_core import codes
from nika_core.document.yaml.syntax_issues import SyntaxIssue
from nika_core.model.bounded import shorten


def anchor(name: str, start: int) -> SyntaxIssue:
    """Return the issue of `&name`."""
    return _strict(
        f"anchors (`&{shorten(name, 60)}`) are not part of strict YAML",
        start,
        start + 1 + len(name),
        "write the value out where it is needed; put a text that starts with `&` in quotes",
    )


def alias(name: str, start: int) -> SyntaxIssue:
    """Return the issue of `*name`."""
    return _strict(
        f"aliases (`*{shorten(name, 60)}`) are not part of strict YAML",
        start,
        start + 1 + len(name),
        "write the value out; put a text that starts with `*` in quotes",
    )


def tag(start: int) -> SyntaxIssue:
    """Return the issue of `!name` and `!!str`."""
    return _strict(
        "tags (`!...`) are not part of strict YAML: the schema determines the type of a value",
        start,
        None,
        "remove the tag; put a text that starts with `!` in quotes",
    )


def duplicate(name: str, start: int, end: int) -> SyntaxIssue:
    """Return the issue of a key that its mapping already has."""
    message = f"the key `{shorten(name, 60)}` stands twice in one mapping"
    return _strict(message, start, end, "remove one of the two, or join their values")


def merge_key(start: int) -> SyntaxIssue:
    """Return the issue of `<<`."""
    return _strict(
        "merge keys (`<<`) are not part of strict YAML",
        start,
        start + 2,
        "write the keys out; put `<<` in quotes if it is meant as a key",
    )


def key_is_no_text(start: int) -> SyntaxIssue:
    """Return the issue of `[a]: b` and `{a: b}: c`."""
    hint = "put the key in quotes if it is meant as text"
    return _strict("a mapping or a list cannot be a key", start, None, hint)


def unquoted_template(text: str, start: int) -> SyntaxIssue:
    """Return the issue of `key: {{x}}`, or of `${x}` within a mapping: in YAML `{` opens a mapping."""
    opening = text[start : start + 2]
    closing = "}}" if opening == "{{" else "}"
    end = text.find(closing, start, start + 1000)
    return SyntaxIssue(
        codes.TEMPLATE_NOT_QUOTED,
        f"a value that starts with `{opening}` must be in quotes: in YAML a `{{` opens a mapping",
        start,
        end + len(closing) if end >= 0 else None,
        f'put the whole value in quotes: "{opening}...{closing}"',
    )


def second_document(start: int) -> SyntaxIssue:
    """Return the issue of `---` after a document."""
    return _strict(
        "a file holds one document, and here a second one starts",
        start,
        start + 3,
        "remove `---`, or move what follows to another file",
    )


def _strict(message: str, start: int, end: int | None, hint: str) -> SyntaxIssue:
    return SyntaxIssue(codes.YAML_NOT_STRICT, message, start, end, hint)
