"""`nika explain CODE`: what a code means, an example that causes it, and how to fix it."""

from __future__ import annotations

from textwrap import indent
from typing import Annotated

import typer

from nika_core.app import Workspace
from nika_core.cli.console import plain, print_data, print_json, style_data
from nika_core.cli.options import Format, FormatOption
from nika_core.errors import UsageError


def explain(
    code: Annotated[str, typer.Argument(help="NIKA-050, or just 50; or a plugin's own code.")],
    format_: FormatOption = Format.PRETTY,
) -> None:
    """What a NIKA code means, an example that causes it, and how to fix it."""
    wanted = f"NIKA-{int(code):03d}" if code.isdecimal() and len(code) < 4 else code.upper()
    found = Workspace.open().explanation(wanted)
    if found is None:
        raise UsageError(f"there is no code {plain(wanted)}", hint="codes are NIKA-001 to NIKA-098, and plugins' own")
    if format_ is Format.JSON:
        fields = ("code", "title", "meaning", "example", "fix")
        print_json({field: getattr(found, field) for field in fields})
        return
    print_data(f"{style_data(found.code, 'bold')}: {plain(found.title)}\n\n{plain(found.meaning)}\n")
    print_data(f"Example:\n\n{indent(plain(found.example).rstrip(), '    ')}\n\nFix: {plain(found.fix)}")
