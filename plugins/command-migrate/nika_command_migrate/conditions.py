"""Conditions: v4 called the output of a flow's source `output`, v5 names the task."""

from __future__ import annotations

import re
from typing import Final

# A string, a template and a longer name are left alone.
_CONDITION: Final = re.compile(r"""'[^']*'|"[^"]*"|\{\{.*?\}\}|\$\{.*?\}|(?<![\w.])output((?:\.[\w-]+)*)(?![\w(])""")


def v5_condition(text: str, flow_source: str) -> str:
    """Return a condition with `output.field` as `{{source.field}}`."""
    return _CONDITION.sub(lambda found: found[0] if found[1] is None else f"{{{{{flow_source}{found[1]}}}}}", text)


def quoted(text: str) -> str:
    """Return a text as a quoted scalar on one line."""
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"
