"""Hooks of MkDocs: pages of the repository outside docs/ are part of the site, and links to them work there too."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pymdownx.slugs import slugify

ROOT = Path(__file__).parents[1]
TEXT = {".yaml", ".json", ".jsonl", ".py", ".txt", ".toml"}
_FENCE = re.compile(r"^(`{3,}).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(\]\()([^)\s#:]+)([^)\s]*\))")


def outside() -> list[str]:
    """Return the paths of all files outside docs/ that the site has, relative to the repository."""
    pages = ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
    for folder, names, files in os.walk(ROOT / "examples"):
        names[:] = sorted(name for name in names if not name.startswith((".", "__")))
        here = PurePosixPath(Path(folder).relative_to(ROOT).as_posix())
        pages += [str(here / name) for name in sorted(files) if name == "README.md" or Path(name).suffix in TEXT]
    return [page for page in pages if (ROOT / page).is_file()]


def in_site(path: str) -> str:
    """Return where a file of the repository is in the site."""
    return path.removeprefix("docs/")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name headings as GitHub does, so that a link to one works in both places."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = slugify(case="lower")
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside docs/."""
    for path in outside():
        files.append(File.generated(config, in_site(path), content=(ROOT / path).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links that cross the border of docs/ lead to where their targets are in the site."""
    source = page.file.src_uri
    here = posixpath.dirname(f"docs/{source}" if (ROOT / "docs" / source).exists() else source)

    def moved(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(here, match[2]))
        start = posixpath.dirname(page.file.src_uri) or "."
        place = in_site(target)
        known = files.get_file_from_path(place) is not None
        return f"{match[1]}{posixpath.relpath(place, start)}{match[3]}" if known else match[0]

    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(moved, markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, _LINK.sub(moved, markdown[end:])])


def on_post_build(config: MkDocsConfig) -> None:
    """Put the text of each page beside it, for readers that are programs: llms.txt names these."""
    for path in [*ROOT.joinpath("docs").rglob("*.md"), *(ROOT / page for page in outside() if page.endswith(".md"))]:
        place = Path(config.site_dir, in_site(path.relative_to(ROOT).as_posix()))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
