"""The backend of the hook's docstring, installed."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from nika_core.plugin import hookspec

BEGINS = "A complete plugin, `acme_inline.py`:\n"


def source_of_the_docstring() -> str:
    """Return the plugin in the docstring of the hook."""
    text = hookspec.nika_backends.__doc__ or ""
    return textwrap.dedent(text.split(BEGINS)[1].split("and in its pyproject.toml")[0])


@pytest.fixture
def inline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the plugin, as far as this process can see; returns the folder with it."""
    folder = tmp_path / "site"
    about = folder / "acme_inline-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "acme_inline.py").write_text(source_of_the_docstring())
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-inline\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[nika.backends]\ninline = acme_inline\n")
    (about / "RECORD").write_text("acme_inline.py,,\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "acme_inline", raising=False)
    return folder
