"""The organization's file: what holds for every project on a machine, or wherever NIKA_POLICY names it.

It only narrows: two of them both hold, and no project file or variable takes anything of it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from nika_core import codes
from nika_core.document.reading.source_file import decode_source, read_bytes
from nika_core.document.reading.yaml_file import parse_file
from nika_core.document.validation.compile_validators import compile_schema
from nika_core.document.validation.issues import ValidationIssue
from nika_core.document.validation.unknown_keys import suggest_key
from nika_core.errors import Place, Problem, ProblemsError, RefusedError
from nika_core.model.limits import Limits
from nika_core.plugin.fields import EmptyDict, EmptyList, Enum, Map, MapPattern, NonEmptyStr, Optional, Seq, Str
from nika_core.values import dataclass, field

VARIABLE: Final = "NIKA_POLICY"
SYSTEM_FILE: Final = Path("/etc/nika/policy.yaml")
_WORDS: Final = Seq(NonEmptyStr()) | EmptyList()
_FIELDS: Final[dict[str, Any]] = {
    "lock": Enum(["required"]),
    "plugins": Map({Optional("allow"): _WORDS, Optional("block"): _WORDS}),
    "limitPolicies": _WORDS,
    "widen": _WORDS,
    "variables": MapPattern(NonEmptyStr(), Str()) | EmptyDict(),
}


@dataclass(frozen=True, slots=True)
class OrganizationFile:
    """One file's content.

    Attributes:
        path: the file.
        lock_required: whether a project needs a `nika.lock`.
        allow: patterns of the plugins that may be loaded; None: all.
        block: patterns of those that may not.
        limit_policies: words of limit policies without which nothing runs.
        widen: patterns of what a trusted project file may widen (`http.allow`, `limits.*`); None: all.
        variables: what limit policies read for these environment variables, whatever the environment says. They make
            limits smaller, never larger.
    """

    path: Path
    lock_required: bool = False
    allow: tuple[str, ...] | None = None
    block: tuple[str, ...] = ()
    limit_policies: tuple[str, ...] = ()
    widen: tuple[str, ...] | None = None
    variables: Mapping[str, str] = field(default_factory=dict, compare=False)  # no dict has a hash

    def may_widen(self, key: str) -> bool:
        """Return whether a trusted project file may widen what `key` names."""
        return self.widen is None or any(fnmatchcase(key, pattern) for pattern in self.widen)


def organization_files(environ: Mapping[str, str]) -> tuple[OrganizationFile, ...]:
    """Return those that hold here: the machine's, and the one that NIKA_POLICY names.

    Raises:
        RefusedError: one of them cannot be read, or is not right. Without it nothing may run.
    """
    paths = [SYSTEM_FILE] if _is_there(SYSTEM_FILE) else []
    if name := environ.get(VARIABLE):
        paths.append(Path(name))
    return tuple(_read(path) for path in dict.fromkeys(paths))


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # it may be there, and cannot be seen: reading it says so
        return True
    return True


def _read(path: Path) -> OrganizationFile:
    limits = Limits()
    data = read_bytes(path, None)
    if isinstance(data, bytes) and not data.strip():  # half written, perhaps: it cannot be told what it would forbid
        raise _refused(path, Problem(codes.FILE_UNREADABLE, "the file is empty", Place(str(path), 1, 1)))
    text = data if isinstance(data, Problem) else decode_source(data, str(path))
    if isinstance(text, Problem):
        raise _refused(path, text)
    try:
        tree, problems = parse_file(text, str(path), limits, None)
    except ProblemsError as error:
        raise _refused(path, error.problems[0]) from None
    fields: dict[str, Any] = {}
    if type(tree.root) is dict:
        for key, node in tree.root.items():
            if key not in _FIELDS:
                problems.add(
                    codes.UNKNOWN_KEY, f"unknown key `{key}`", (key,), hint=suggest_key(str(key), list(_FIELDS))
                )
                continue
            issues: list[ValidationIssue] = []
            fields[key] = compile_schema(_FIELDS[key]).check(node, issues)
            problems.add_issues(issues, codes.ORGANIZATION_POLICY, (key,))
    elif tree.root is not None:
        problems.add(codes.ORGANIZATION_POLICY, "an organization's file is a mapping", ())
    if problems.items:
        raise _refused(path, problems.items[0])
    plugins = fields.get("plugins") or {}
    allow, widen = plugins.get("allow"), fields.get("widen")
    return OrganizationFile(
        path,
        "lock" in fields,
        None if allow is None else tuple(allow),
        tuple(plugins.get("block") or ()),
        tuple(fields.get("limitPolicies") or ()),
        None if widen is None else tuple(widen),
        fields.get("variables") or {},
    )


def _refused(path: Path, problem: Problem) -> RefusedError:
    return RefusedError(
        codes.ORGANIZATION_POLICY,
        f"the organization's file {path} cannot be used: {problem.message}",
        place=problem.place,
        hint=problem.hint or "ask the people who maintain it; nothing runs without it",
    )
