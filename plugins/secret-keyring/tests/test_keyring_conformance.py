from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import keyring
import pytest

from nika_core.testing import SecretSourceConformance

from .file_keyring import FileKeyring


class TestKeyring(SecretSourceConformance):
    word = "keyring"

    @pytest.fixture(autouse=True)
    def _backend(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        before = keyring.get_keyring()
        monkeypatch.setenv("FILE_KEYRING", str(tmp_path / "passwords.json"))
        keyring.set_keyring(FileKeyring())
        yield
        keyring.set_keyring(before)

    def prepare(self, folder: Path) -> Mapping[str, str]:
        keyring.set_password("nika", self.secret, self.value)
        return {}

    def prepare_failing(self, folder: Path) -> Mapping[str, str]:
        (folder / "passwords.json").write_text('{"locked": true, "password": "' + self.value + '"}')
        return {}
