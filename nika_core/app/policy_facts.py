"""What every question to a limit policy has in it: who asks, where, when, and under which limits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import copy
from functools import cache

from nika_core.app.workspace import Workspace
from nika_core.model.json import Json
from nika_core.plugin import Admission, Effect, Spending
from nika_core.values import replace


@cache
def user_name() -> str:
    """Return the login name of this process's user, from the system's own list; if it has none, the number.

    No variable of the environment says it, since a user may set those.
    """
    try:
        import pwd
    except ImportError:  # not POSIX
        import getpass

        return getpass.getuser()
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # as in some containers
        return str(number)


class PolicyFacts:
    """What belongs to every question of one run. Masks the rest of a question, too.

    Args:
        limits: the smallest limits of all policies, by measure.
        digests: of the workflow's files, its own first.
        mocked: whether nothing is called.
    """

    def __init__(
        self,
        workspace: Workspace,
        limits: Mapping[str, float],
        digests: Mapping[str, str] | None = None,
        *,
        mocked: bool = False,
    ) -> None:
        self._workspace = workspace
        self._masker = workspace.masker
        self._limits = limits
        self._digest = next(iter((digests or {}).values()), "")
        self._mocked = mocked
        self._user = user_name()
        self._environ: Mapping[str, str] = {}
        self._masked_with: object = None

    def of_user(self, user: str) -> PolicyFacts:
        """Return the same for a run that somebody else has started, on another machine."""
        facts = copy(self)
        facts._user = user
        return facts

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment as policies see it: with the organization's variables, without secrets."""
        if self._masked_with is not self._masker.version:
            self._masked_with = self._masker.version
            self._environ = self._masker.json(dict(self._workspace.policy_environ))
        return self._environ

    def of_admission(self, request: Admission) -> Admission:
        """Return a question with what is the same for all, and without secrets."""
        mask, text = self._mask, self._masker.text
        return replace(
            request,
            workflow=text(request.workflow),
            task_id=text(request.task_id),
            models=tuple(map(text, request.models)),
            effects=tuple(Effect(each.kind, text(each.target)) for each in request.effects),
            hosts=tuple(map(text, request.hosts)),
            payload=mask(request.payload),
            arguments=mask(request.arguments),
            digest=self._digest,
            digests={text(path): digest for path, digest in request.digests.items()},
            mocked=self._mocked,
            user=self._user,
            environ=self.environ,
            time=self._workspace.clock.time(),
            limits=self._limits,
        )

    def of_spending(self, spending: Spending) -> Spending:
        """Return what is told with what is the same for all, and without secrets."""
        return replace(
            spending,
            workflow=self._masker.text(spending.workflow),
            task_id=self._masker.text(spending.task_id),
            user=self._user,
            environ=self.environ,
            time=self._workspace.clock.time(),
            limits=self._limits,
        )

    def _mask(self, value: Mapping[str, Json]) -> Mapping[str, Json]:
        masked: Mapping[str, Json] = self._masker.json(value) if value else {}
        return masked
