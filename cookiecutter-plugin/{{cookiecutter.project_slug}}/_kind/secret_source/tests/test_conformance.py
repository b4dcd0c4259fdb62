"""Whether the plugin keeps the promises of the interface."""

import json
from collections.abc import Mapping
from pathlib import Path

from nika_core.testing import SecretSourceConformance


class TestConformance(SecretSourceConformance):
    word = "{{cookiecutter.word}}"
    secret = "deploy_token"
    value = "s3cret-value"

    def prepare(self, folder: Path) -> Mapping[str, str]:
        path = folder / "secrets.json"
        path.write_text(json.dumps({self.secret: self.value}))
        return {"{{cookiecutter.__variable}}_FILE_PATH": str(path)}

    def prepare_failing(self, folder: Path) -> Mapping[str, str]:
        return {"{{cookiecutter.__variable}}_FILE_PATH": str(folder)}
