"""Keeps the files of the chosen kind, public or private, and removes the others."""

import shutil
from pathlib import Path

LAYERS = ["_kind/{{cookiecutter.kind}}", "_private/{{cookiecutter.private}}"]

for layer in map(Path, LAYERS):
    for file in sorted(layer.rglob("*")):
        if file.is_file():
            target = file.relative_to(layer)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(file, target)
for folder in {layer.parts[0] for layer in map(Path, LAYERS)}:
    shutil.rmtree(folder)
