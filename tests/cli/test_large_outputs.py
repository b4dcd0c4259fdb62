"""Large outputs on the command line: printed piece by piece, and shown shortened without being read."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nika_core.cli import console

from .conftest import Nika


class Counted(io.StringIO):
    """A stream that remembers how much was written at once."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self.most = 0
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a stream in memory has none
        return self._encoding

    def write(self, text: str) -> int:
        self.most = max(self.most, len(text))
        return super().write(text)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_many_large_values_are_never_one_text(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    stream = Counted(encoding)
    monkeypatch.setattr(console.sys, "stdout", stream)
    value = {"tasks": [{"output": "é\x1b" + "x" * 100_000}] * 50}
    console.print_json(value)
    assert json.loads(stream.getvalue()) == value
    assert stream.most < 1_000_000
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().isascii() == (encoding == "ascii")


def test_a_large_output_is_shown_shortened_and_its_file_not_read(
    nika: Nika, write: Callable[[str, str], Path], folder: Path
) -> None:
    repeated = "{{some}}" * 70
    write("w.nika.yaml", f'tasks:\n  - {{id: some, set: {"x" * 1000}}}\n  - {{id: a, set: "{repeated}"}}\n')
    assert nika("run", "w.nika.yaml").code == 0
    whole = nika("runs", "show", "-v").out
    assert "x" * 70_000 in whole
    shutil.rmtree(folder / ".nika" / "blobs")
    shown = nika("runs", "show")
    assert f"      {'x' * 200}… (70000 characters; -v shows all)" in shown.out.splitlines()
    assert nika("runs", "show", "--format", "json").tasks["a"].get("output") is None
