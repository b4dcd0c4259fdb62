from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nika_core.testing import SecretSourceConformance


class TestFiles(SecretSourceConformance):
    word = "files"

    def prepare(self, folder: Path) -> Mapping[str, str]:
        (folder / self.secret).write_text(self.value)
        return {"NIKA_SECRETS_DIR": str(folder)}

    def prepare_failing(self, folder: Path) -> Mapping[str, str]:
        (folder / self.secret).mkdir()
        return {"NIKA_SECRETS_DIR": str(folder)}
