"""The index of examples and llms.txt, for `docs/generate.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
LENGTH = 240  # of what llms.txt says about a page, unless its first sentence is longer
FEATURES = (
    "flows",
    "when",
    "forEach",
    "repeat",
    "always",
    "retry",
    "timeout",
    "onError",
    "onItemError",
    "schema",
    "outputs",
)
FEATURES += ("allowedTools", "disallowedTools", "mcpServers", "skills")


def examples() -> str:
    """Return examples/README.md: every example, and which of them shows what."""
    folders = sorted(path.parent for path in (ROOT / "examples").glob("*/README.md"))
    lines = ["# Examples", ""]
    lines += [
        "Complete workflows that you can copy. All run offline: the mock provider plays the model, except in `local`,",
        "which needs a small model, and `private-provider`, which needs a gateway. Each README says how to run the",
        "example, and how to use a real model in place of the mock.",
        "",
    ]
    lines += ["| example | what it does |", "|---|---|"]
    shown: dict[str, list[str]] = {word: [] for word in (*_keywords(), *FEATURES)}
    for folder in folders:
        (path,) = folder.glob("*.nika.yaml")
        workflow = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        title = (folder / "README.md").read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        lines.append(f"| [{title}]({folder.name}/README.md) | {workflow['description'].strip()} |")
        keys = set(_keys(workflow))
        for word, where in shown.items():
            if word in keys:
                where.append(f"[{folder.name}]({folder.name}/{path.name})")
    lines += ["", "Which example shows a keyword or a key of the language:", "", "| word | examples |", "|---|---|"]
    lines += [f"| `{word}` | {', '.join(where)} |" for word, where in shown.items() if where]
    return "\n".join(lines)


def _keywords() -> list[str]:
    return [path.name.removeprefix("keyword-") for path in sorted((ROOT / "plugins").glob("keyword-*"))]


def _keys(value: object, root: bool = True) -> Iterator[str]:
    """Yield the keys of a workflow, without those that are data: inputs, payloads of `set`, properties of a schema."""
    if isinstance(value, dict):
        for key, inside in value.items():
            if not (root and key == "agent"):  # the block, not the keyword
                yield key
            if key not in {"inputs", "set", "with", "args", "schema", "outputs"}:
                yield from _keys(inside, root=False)
    elif isinstance(value, list):
        for each in value:
            yield from _keys(each, root=False)


def llms() -> str:
    """Return docs/llms.txt: what a language model reads first, https://llmstxt.org. From the navigation of the site."""
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    lines = [f"# {site['site_name']}", "", f"> {_summary(ROOT / 'docs' / 'index.md')}", ""]
    lines += [
        "To write a workflow, read the skill first: it has the whole language in brief, with examples.",
        "`nika validate FILE` checks a workflow, `nika run FILE --mock` runs it without calling anything, and",
        "`nika explain CODE` says what a code means. Each link leads to Markdown.",
        "",
        "## Skill",
        "",
        "- [Write Nika workflows](skills/nika-workflows/SKILL.md): the language in brief, for coding agents.",
    ]
    for section in site["nav"]:
        ((title, pages),) = section.items()
        if isinstance(pages, str):
            continue
        lines += ["", f"## {title}", ""]
        for page in pages:
            name, path = next(iter(page.items())) if isinstance(page, dict) else ("", page)
            file = ROOT / "docs" / path
            file = file if file.exists() else ROOT / path
            lines.append(f"- [{name or _title(file)}]({path}): {_summary(file)}")
    return "\n".join(lines)


def _title(page: Path) -> str:
    return next(line[2:] for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("# "))


def _summary(page: Path) -> str:
    """Return the first sentence under the title."""
    text = re.sub(
        r"<!--.*?-->|^```.*?^```$|^---\n.*?^---$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    paragraphs = [each.strip() for each in text.split("\n\n")]
    first = next(each for each in paragraphs if each and not each.startswith(("#", "|", "-", "<", "!", ":")))
    plain = re.sub(r"\[([^\]]+)\]\([^)]*\)|\*\*", r"\1", first.replace("\n", " "))
    shown, *more = re.split(r"(?<=[.:])\s", plain)
    for sentence in more:
        if len(shown) + len(sentence) > LENGTH:
            break
        shown = f"{shown} {sentence}"
    return shown.rstrip(":.") + "."
