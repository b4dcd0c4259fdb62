"""What this plugin brings: project templates, each with its files in a folder of its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import ProjectTemplate, hookimpl

NIKA_API: Final = 1


@hookimpl
def nika_project_templates() -> Iterable[ProjectTemplate]:
    """Five templates."""
    summaries = {
        "hello": "Greets someone: the first steps.",
        "review": "Reviews a change, and writes a comment for a pull request.",
        "triage": "Sorts a folder of mails, and drafts replies to the urgent ones.",
        "report": "Writes a report about the open issues of a tracker.",
        "agent": "Answers questions about a folder of notes, with two Python functions as tools.",
    }
    return [
        ProjectTemplate(name=name, summary=summary, files=f"nika_project_starters.files:{name}")
        for name, summary in summaries.items()
    ]
