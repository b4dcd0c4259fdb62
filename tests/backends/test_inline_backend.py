"""The plugin in the docstring of `nika_backends` passes the kit of its kind: the interface is enough for a backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from nika_core.testing import BackendConformance


class TestInline(BackendConformance):
    word = "inline"

    @pytest.fixture(autouse=True)
    def _installed(self, inline: Path) -> None:
        pass

    @pytest.mark.skip(reason="the plugin is on the path of this process only")
    def test_importing_it_imports_nothing_heavy(self) -> None: ...

    @pytest.mark.skip(reason="the plugin is on the path of this process only")
    def test_importing_it_is_quiet(self) -> None: ...
