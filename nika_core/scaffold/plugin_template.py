"""A new plugin's project, from the same template that cookiecutter bakes.

The template is written in a small part of cookiecutter's language, so that nothing has to be installed for it: the only
expressions are `{{cookiecutter.name}}` and `{{cookiecutter.table[cookiecutter.name]}}`, each with the filters of
`_FILTERS`. Layers (`_kind/keyword`, `_private/no`) are laid into the project, as the template's own hook does it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from nika_core.errors import UsageError
from nika_core.values import dataclass

_PROJECT: Final = "{{cookiecutter.project_slug}}"
_EXPRESSION: Final = re.compile(
    r"\{\{cookiecutter\.(\w+)(?:\[cookiecutter\.(\w+)\])?((?:\|\w+(?:\('[^']*', '[^']*'\))?)*)\}\}"
)
_FILTER: Final = re.compile(r"\|(\w+)(?:\('([^']*)', '([^']*)'\))?")
_LAYERS: Final = ("_kind/{{cookiecutter.kind}}", "_private/{{cookiecutter.private}}")


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    most: int
    form: str


# The same as in the template's hooks/pre_gen_project.py.
_RULES: Final[Mapping[str, _Rule]] = {
    "word": _Rule(
        re.compile(r"[a-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*"),
        30,
        "letters, digits and single dashes, with a lower-case letter first",
    ),
    "project_slug": _Rule(
        re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*"), 50, "lower-case letters, digits and single dashes"
    ),
    "author": _Rule(re.compile(r'[^"\\\x00-\x1f\x7f]+'), 60, "no quotation marks, backslashes or control characters"),
}
_OPTIONS: Final = {"word": "WORD", "project_slug": "--name", "author": "--author"}


def _title(text: str) -> str:
    return re.sub(r"[^\s-]+", lambda word: word[0][0].upper() + word[0][1:].lower(), text)


_FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "lower": str.lower,
    "upper": str.upper,
    "title": _title,
    "replace": str.replace,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlugin:
    """What the template asks. `name`: the distribution's; None: derived from the others."""

    word: str
    kind: str = "keyword"
    author: str | None = None
    private: bool = False
    name: str | None = None


def make_plugin(folder: Path, wanted: NewPlugin) -> Path:
    """Write the project into a new folder below `folder`, and return its path.

    Raises:
        UsageError: a name cannot be used, there is a folder of that name, or it cannot be written.
    """
    if wanted.private and wanted.author is None and wanted.name is None:
        raise UsageError(
            "whose plugin is it? A private distribution's name begins with its owner's, so that nobody can take it",
            hint='--author "Acme Inc" makes it acme-inc-nika-..., or write the whole name: --name acme-nika-...',
        )
    template = _template()
    answers = _answers(json.loads((template / "cookiecutter.json").read_text("utf-8")), wanted)
    target: Path = folder / answers["project_slug"]
    try:
        target.mkdir(parents=True)
        for name, (source, mode) in _files(template / _PROJECT, answers).items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(render_template(source, answers).encode())
            path.chmod(mode)
    except FileExistsError:
        raise UsageError(f"{target} is there already", hint="name another folder, or remove it") from None
    except OSError as error:
        raise UsageError(
            f"the project cannot be written: {error.strerror or error}: {error.filename or target}",
            hint="name a folder in which you may write",
        ) from None
    return target


def rendered_file(wanted: NewPlugin, name: str) -> str:
    """Return the text of the project's file of this name, without writing anything. Raise UsageError."""
    template = _template()
    answers = _answers(json.loads((template / "cookiecutter.json").read_text("utf-8")), wanted)
    files = _files(template / _PROJECT, answers)
    return render_template(
        next(source for path, (source, _) in files.items() if PurePosixPath(path).name == name), answers
    )


def render_template(text: str, answers: Mapping[str, Any]) -> str:
    """Return `text` with its expressions replaced; everything else stays as it is."""

    def value(match: re.Match[str]) -> str:
        name, index, filters = match.groups()
        found = answers[name] if index is None else answers[name][answers[index]]
        for filter_ in _FILTER.finditer(filters):
            found = _FILTERS[filter_[1]](found, *(part for part in filter_.groups()[1:] if part is not None))
        return str(found)

    return _EXPRESSION.sub(value, text)


def _answers(questions: Mapping[str, Any], wanted: NewPlugin) -> dict[str, Any]:
    given = {
        "kind": wanted.kind,
        "word": wanted.word,
        "author": wanted.author,
        "private": "yes" if wanted.private else "no",
        "project_slug": wanted.name,
    }
    answers: dict[str, Any] = {}
    for name, default in questions.items():
        answer = given.get(name)
        if answer is not None:
            answers[name] = answer
        elif name.startswith("__") or not name.startswith("_"):
            answers[name] = _rendered(default, answers)
        else:
            answers[name] = default
    for name, rule in _RULES.items():
        if len(answers[name]) > rule.most or not rule.pattern.fullmatch(answers[name]):
            raise UsageError(
                f"{_OPTIONS[name]} is {answers[name]!r}: expected {rule.form}, at most {rule.most} characters",
                hint=f"name the distribution: --name acme-nika-{wanted.word.lower()}"
                if name == "project_slug"
                else None,
            )
    return answers


def _rendered(value: Any, answers: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: _rendered(item, answers) for key, item in value.items()}
    return render_template(value, answers) if isinstance(value, str) else value


def _files(root: Path, answers: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    """Path in the project -> text and mode, the layers that do not belong to it left out."""
    layers = [PurePosixPath(render_template(layer, answers)) for layer in _LAYERS]
    found: dict[str, tuple[str, int]] = {}
    for file in sorted(root.rglob("*")):
        if not file.is_file() or "__pycache__" in file.parts:
            continue
        path = PurePosixPath(file.relative_to(root).as_posix())
        if path.parts[0] in {layer.parts[0] for layer in layers}:
            layer = next((layer for layer in layers if path.is_relative_to(layer)), None)
            if layer is None:
                continue
            path = path.relative_to(layer)
        mode = 0o755 if file.suffix == ".sh" else 0o644
        found[render_template(str(path), answers)] = (file.read_text("utf-8"), mode)
    return found


def _template() -> Path:
    """Return the folder of the template: next to this module if Nika is installed, at the top of a checkout."""
    installed = Path(__file__).with_name("template")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "cookiecutter-plugin"
