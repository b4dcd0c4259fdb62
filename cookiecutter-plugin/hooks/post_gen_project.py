"""Keeps what the project is: the layers of its kind, and of public or private, are laid into it, the others go."""

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
