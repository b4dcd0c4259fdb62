"""The lists that say which plugins may be loaded: the project file's, the environment's, the organization's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from nika_core import codes
from nika_core.app.organization import OrganizationFile
from nika_core.errors import RefusedError, UsageError
from nika_core.model.nearest import nearest
from nika_core.model.project import FILE_NAME, Project
from nika_core.registry import Kind, PluginPolicy, PluginRecord, patterns_of
from nika_core.registry.kinds import BY_ID
from nika_core.registry.policy import SECTIONS
from nika_core.values import replace

_ALLOW: Final = "NIKA_PLUGINS_ALLOW"
_BLOCK: Final = "NIKA_PLUGINS_BLOCK"


def user_lists(project: Project, environ: Mapping[str, str], may_widen: Callable[[str], bool]) -> PluginPolicy:
    """Return the lists of the project file and of the environment, which narrows them further."""
    allow = [(FILE_NAME, project.allow)] if project.allow is not None else []
    block = [(FILE_NAME, project.block)] if project.block else []
    if _ALLOW in environ:
        allow.append((_ALLOW, patterns_of(environ[_ALLOW])))
    if _BLOCK in environ:
        block.append((_BLOCK, patterns_of(environ[_BLOCK])))
    prefer = project.prefer if not project.prefer or may_widen("plugins.prefer") else {}
    implied = {_ALLOW: tuple(f"{kind.id}:*" for kind in Kind if kind.value.implied)}
    return PluginPolicy(tuple(allow), tuple(block), prefer, implied)


def with_organization(lists: PluginPolicy, organization: Iterable[OrganizationFile]) -> PluginPolicy:
    """Return these lists and the organization's."""
    allow, block = list(lists.allow), list(lists.block)
    for file in organization:
        allow += [(str(file.path), file.allow)] if file.allow is not None else []
        block += [(str(file.path), file.block)] if file.block else []
    return replace(lists, allow=tuple(allow), block=tuple(block))


def refuse_unknown_kinds(lists: PluginPolicy) -> None:
    """Raise UsageError for an entry of an unknown kind: one like `keyword:x` would block nothing."""
    preferred = tuple(id_ for id_ in lists.prefer if not id_.startswith(SECTIONS))
    for where, patterns in (*lists.allow, *lists.block, (f"plugins.prefer of {FILE_NAME}", preferred)):
        for pattern in patterns:
            kind, colon, word = pattern.partition(":")
            if colon and not any(fnmatchcase(known, kind) for known in BY_ID):
                meant = nearest(kind, BY_ID)
                raise UsageError(
                    f"'{pattern}' in {where}: there are no plugins of the kind '{kind}'",
                    code=codes.BAD_PROJECT_FILE,
                    hint=f"did you mean `{meant}:{word}`?" if meant else f"kinds are {', '.join(BY_ID)}",
                )


def refuse_lost_policies(
    records: Iterable[PluginRecord], lists: PluginPolicy, is_idle: Callable[[PluginRecord], bool]
) -> None:
    """Raise RefusedError if a user's list leaves out an installed limit policy: lists narrow, and that would widen.

    Args:
        is_idle: whether a policy limits nothing here, so that nothing is lost without it.
    """
    for record in records:
        why = lists.why_blocked(record) if record.kind is Kind.LIMIT_POLICY else None
        if why is not None and not is_idle(record):
            raise RefusedError(
                codes.PLUGIN_BLOCKED,
                f"the limit policy '{record.word}' ({record.origin}) is {why}, and no list takes a limit away",
                hint=f"allow `{record.distribution}`; if its limits are not wanted here, do not install it here",
            )


def require_policies(organization: Sequence[OrganizationFile], words: Collection[str]) -> None:
    """Raise RefusedError if a limit policy that the organization requires is not among these words."""
    for file in organization:
        for word in file.limit_policies:
            if word not in words:
                raise RefusedError(
                    codes.ORGANIZATION_POLICY,
                    f"{file.path} requires the limit policy '{word}', which is not installed, or not allowed",
                    hint="install the distribution that offers it, from your organization's index",
                )
