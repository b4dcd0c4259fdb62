"""The project file: how it is found, read and checked, with the plugins' parts of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from nika_core import codes
from nika_core.document.plugin_catalog import PluginCatalog
from nika_core.document.reading.problem_list import ProblemList
from nika_core.document.reading.source_file import decode_source, read_bytes
from nika_core.document.reading.yaml_file import parse_file
from nika_core.document.validation.compile_validators import compile_schema
from nika_core.document.validation.issues import ValidationIssue
from nika_core.document.validation.json_tree import plain_tree
from nika_core.document.validation.unknown_keys import suggest_key
from nika_core.document.yaml.nodes import Tree
from nika_core.errors import PluginError, Problem, ProblemsError, RefusedError
from nika_core.model.clock import Clock
from nika_core.model.files import FileError
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.named_files import find_project, require_inside, require_own
from nika_core.model.project import ModelPrice, Project
from nika_core.plugin.fields import (
    BoundedFloat,
    EmptyDict,
    EmptyList,
    Map,
    MapPattern,
    NonEmptyStr,
    Optional,
    Seq,
    StrictBool,
)
from nika_core.values import replace

_WORDS: Final = Seq(NonEmptyStr()) | EmptyList()
_NEEDED: Final = ("inputPerMillion", "outputPerMillion")  # of a price, unless the model is free
_PRICE: Final = Map(
    {
        Optional("free"): StrictBool(),
        **{Optional(key): BoundedFloat(0) for key in _NEEDED},
        Optional("cachedPerMillion"): BoundedFloat(0),
        Optional("cacheWritePerMillion"): BoundedFloat(0),
    }
)
PROJECT: Final[dict[str, Any]] = {
    "main": NonEmptyStr(),
    "provider": NonEmptyStr(),
    "model": NonEmptyStr(),
    "models": MapPattern(NonEmptyStr(), NonEmptyStr()) | EmptyDict(),
    "limits": MapPattern(NonEmptyStr(), NonEmptyStr()) | EmptyDict(),
    "plugins": Map(
        {
            Optional("allow"): _WORDS,
            Optional("block"): _WORDS,
            Optional("prefer"): MapPattern(NonEmptyStr(), NonEmptyStr()) | EmptyDict(),
        }
    ),
    "prices": MapPattern(NonEmptyStr(), _PRICE) | EmptyDict(),
    "secrets": _WORDS,
    "governor": StrictBool(),
    "backend": NonEmptyStr(),
    "labels": MapPattern(NonEmptyStr(), NonEmptyStr()) | EmptyDict(),
}


def load_project(start: Path, limits: Limits | None = None, *, clock: Clock | None = None) -> Project:
    """Return the project that `start` (a workflow file or a folder) belongs to; an empty one if there is no file.

    Needs no plugin: keys of plugins are kept as they are, for `check_settings`.

    Raises:
        ProblemsError: all that is wrong with the file.
        RefusedError: it belongs neither to this user nor to root.
    """
    path = find_project(start)
    if path is None:
        return Project()
    try:
        require_own(path)
    except FileError as error:
        raise RefusedError(error.code, error.message, place=error.place, hint=error.hint) from None
    try:
        require_inside(path)
    except FileError as error:
        raise ProblemsError([error.problem()]) from None
    limits = limits or Limits()
    data = read_bytes(path, limits.bounds.get(LimitKind.YAML_BYTES))
    if isinstance(data, Problem):
        raise ProblemsError([data])
    if not data.strip():
        return Project(path)
    text = decode_source(data, str(path))
    if isinstance(text, Problem):
        raise ProblemsError([text])
    project = _project(path, *parse_file(text, str(path), limits, clock))
    return replace(project, digest=hashlib.sha256(data).hexdigest())


def _project(path: Path, tree: Tree, problems: ProblemList) -> Project:
    root = tree.root
    if tree.whole and root is None:
        return Project(path)  # nothing but comments
    fields: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    if type(root) is dict:
        for key, node in root.items():
            if key in PROJECT:
                issues: list[ValidationIssue] = []
                fields[key] = compile_schema(PROJECT[key]).check(node, issues)
                problems.add_issues(issues, codes.BAD_PROJECT_FILE, (key,))
            elif isinstance(key, str):
                settings[key] = plain_tree(node)
    elif tree.whole:
        problems.add(codes.BAD_PROJECT_FILE, "a project file is a mapping", ())
    models = _resolved(fields.get("models") or {}, problems)
    prices = fields.get("prices") or {}
    _check_prices(prices, problems)
    if problems.items:
        raise ProblemsError(problems.items)
    plugins = fields.get("plugins") or {}
    allow = plugins.get("allow")
    return Project(
        path=path,
        main=fields.get("main"),
        provider=fields.get("provider"),
        model=fields.get("model"),
        models=models,
        limits=fields.get("limits") or {},
        allow=tuple(allow) if allow is not None else None,
        block=tuple(plugins.get("block") or ()),
        prefer=plugins.get("prefer") or {},
        settings=settings,
        prices={name: _price(price, root["prices"][name]) for name, price in prices.items()},
        secrets=tuple(fields.get("secrets") or ()),
        labels=fields.get("labels") or {},
        governor=fields.get("governor", True),
        backend=fields.get("backend"),
        at=problems.locator.place_of,
    )


def _resolved(models: dict[str, str], problems: ProblemList) -> dict[str, str]:
    """Return the model that each name stands for, perhaps by way of other names."""
    resolved: dict[str, str] = {}
    for name in models:
        way = [name]
        while (following := models.get(way[-1])) is not None and following not in way:
            way.append(following)
        if following is None:
            resolved[name] = way[-1]
        elif following == name:
            circle = " -> ".join((*way, name))
            problems.add(
                codes.BAD_PROJECT_FILE,
                f"`{name}` stands for itself: {circle}",
                ("models", name),
                hint="name a model, as in `small: claude-haiku-4-5`",
            )
    return resolved


def _check_prices(prices: dict[str, dict[str, Any]], problems: ProblemList) -> None:
    for name, price in prices.items():
        for key in () if price.get("free") else _NEEDED:
            if key not in price:
                message = f"required key(s) '{key}' not found"
                problems.add(codes.BAD_PROJECT_FILE, message, ("prices", name), hint="or `{free: true}`, for no cost")


def _price(price: dict[str, Any], node: dict[str, str]) -> ModelPrice:
    if price.get("free"):
        return ModelPrice(Decimal(0), Decimal(0), free=True)
    cached, written = (
        Decimal(node[key]) if key in node else None for key in ("cachedPerMillion", "cacheWritePerMillion")
    )
    return ModelPrice(Decimal(node["inputPerMillion"]), Decimal(node["outputPerMillion"]), cached, written)


def check_settings(
    project: Project, catalog: PluginCatalog, may_widen: Callable[[str], bool] = lambda _: True
) -> tuple[Project, tuple[Problem, ...]]:
    """Return the project with its keywords' keys as their validators return them, and what is wrong with those keys.

    Args:
        may_widen: whether what `plugin.key`, or all of `plugin`, widens counts; what does not is left out.
    """
    problems: list[Problem] = []
    checked: dict[str, Any] = {}
    words = catalog.settings_keys()
    for key, node in project.settings.items():
        owner = None
        if key in words:
            try:
                owner = catalog.settings_owner(key)
            except PluginError as error:
                problems.append(Problem(error.code, error.message, project.at((key,), at_key=True), error.hint))
                continue
        if owner is None:
            hint = suggest_key(key, [*PROJECT, *words]) or f"known here: {', '.join(PROJECT)}, and plugins' own keys"
            place = project.at((key,), at_key=True)
            problems.append(Problem(codes.UNKNOWN_KEY, f"unknown key `{key}`", place, hint))
            continue
        issues: list[ValidationIssue] = []
        settings = compile_schema(owner.settings).check(node, issues)
        widening = getattr(owner, "widening_settings", ())
        if isinstance(settings, dict):
            settings = {
                name: value for name, value in settings.items() if name not in widening or may_widen(f"{key}.{name}")
            }
        if "*" not in widening or may_widen(key):
            checked[key] = settings
        problems.extend(
            Problem(issue.code or codes.BAD_PROJECT_FILE, issue.message, _place(project, key, issue), issue.hint)
            for issue in issues
        )
    return replace(project, settings=checked), tuple(problems)


def _place(project: Project, key: str, issue: ValidationIssue) -> Any:
    return project.at((key, *reversed(issue.path)), at_key=issue.at_key)
