"""One opened project: its file, the plugins that may be used in it, and the limits that hold."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nika_core import codes
from nika_core.app.organization import OrganizationFile, organization_files
from nika_core.app.plugin_lists import (
    refuse_lost_policies,
    refuse_unknown_kinds,
    require_policies,
    user_lists,
    with_organization,
)
from nika_core.app.project_limits import project_limits, unknown_limits
from nika_core.app.project_trust import ProjectTrust
from nika_core.app.watchdogs import FACET_SECONDS, facet_timeout
from nika_core.document import LoadedWorkflow, check_settings, graph_of, load_project, load_workflow
from nika_core.errors import NikaError, PluginError, Problem, ProblemsError, RefusedError, Severity, UsageError
from nika_core.model.asked_tools import tools_asked
from nika_core.model.clock import Clock, SystemClock
from nika_core.model.files import is_folder
from nika_core.model.graph import Graph
from nika_core.model.limits import Limit, LimitKind, Limits
from nika_core.model.masking import Masker, secret_values
from nika_core.model.project import ModelPrice, Project
from nika_core.model.workflow import Workflow
from nika_core.registry import Kind, PluginPolicy, PluginRecord, Registry, scan
from nika_core.registry.lock import LOCK_NAME, require_lock
from nika_core.registry.passed_plugins import passed_plugins
from nika_core.registry.settings_keys import has_settings
from nika_core.values import replace

if TYPE_CHECKING:
    from nika_core.journal import Journal
    from nika_core.registry.guarded_policy import GuardedPolicy


class Workspace:
    """An opened project. Nothing is read, and no plugin is imported, before it is needed.

    Attributes:
        passed: modules or objects with plugin hooks, used beside the installed plugins.
    """

    def __init__(
        self,
        start: Path,
        environ: Mapping[str, str],
        clock: Clock,
        records: Iterable[PluginRecord] = (),
        plugins: Iterable[object] = (),
        facet_timer: bool = False,
    ) -> None:
        self.start = start
        self.environ = environ
        self.clock = clock
        self._records = tuple(records)
        self.passed = tuple(plugins)
        self._facet_timer = facet_timer

    @classmethod
    def open(
        cls,
        start: Path | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        records: Iterable[PluginRecord] = (),
        plugins: Iterable[object] = (),
        facet_timer: bool = False,
    ) -> Workspace:
        """Return the project that a workflow's file (or a folder, or the working directory) belongs to.

        Args:
            environ: the environment variables of its runs; None: those of this process, as they are now.
            records: plugins beside the installed ones, for words that none of those offers.
            plugins: modules or objects with plugin hooks, used beside the installed plugins.
            facet_timer: interrupt a plugin that does not return while a workflow is checked, with a timer signal of
                this process. For programs that own their process, like the command line.
        """
        folder = Path.cwd() if start is None else start.absolute()
        if not is_folder(folder):
            folder = folder.parent
        return cls(
            folder,
            dict(os.environ) if environ is None else environ,
            clock or SystemClock(),
            records,
            plugins,
            facet_timer,
        )

    # -- the project and its plugins

    @cached_property
    def project(self) -> Project:
        """The nearest `nika.yaml`, plugins' keys not checked yet; empty if there is none. Raises ProblemsError."""
        return load_project(self.start, clock=self.clock)

    @cached_property
    def organization(self) -> tuple[OrganizationFile, ...]:
        """The organization's files, which hold for every project. Raises RefusedError if one cannot be used."""
        return organization_files(self.environ)

    @cached_property
    def trust(self) -> ProjectTrust:
        """What the project file may widen. Raises ProblemsError, or RefusedError for an organization's file."""
        return ProjectTrust(self.project, self.environ, self.organization)

    @cached_property
    def prices(self) -> Mapping[str, ModelPrice]:
        """The prices of the project file that count: none if it may not widen them, and no price of zero but `free`."""
        prices = self.project.prices
        if not prices or not self.trust.may_widen("prices"):
            return {}
        return {name: price for name, price in prices.items() if price.free or not price.is_zero}

    def warnings(self) -> Iterator[Problem]:
        """Yield what of the project file does not count, as far as it was asked for."""
        _ = self.checked_project, self.prices  # what they widen is judged when they are made
        yield from self.trust.warnings()
        if "prices" not in self.trust.refused:
            for name in self.project.prices.keys() - self.prices.keys():
                yield Problem(
                    codes.BAD_PROJECT_FILE,
                    f"the price of `{name}` is zero, which counts as unknown",
                    self.project.at(("prices", name)),
                    f"if it costs nothing: `{name}: {{free: true}}`",
                    Severity.WARNING,
                )

    @property
    def project_folder(self) -> Path:
        """The folder of the project file; if there is none, the folder that was opened."""
        return self.project.folder or self.start

    @cached_property
    def checked_project(self) -> Project:
        """The project with its plugins' keys as their validators return them. Raises ProblemsError."""
        project, found = check_settings(self.project, self.registry, self.trust.may_widen)
        problems = [*found, *self._shadowing()]
        if problems:
            raise ProblemsError(problems)
        return project

    def _shadowing(self) -> Iterator[Problem]:
        """Yield a problem for each name of `models` that is a model's own."""
        for name in self.project.models:
            provider = self.registry.provider_for(name)
            if provider is not None or name in self.prices:
                whose = "it has a price" if provider is None else f"the provider '{provider.name}' offers it"
                message = f"`{name}` is a model's own name: {whose}"
                place = self.project.at(("models", name))
                yield Problem(codes.BAD_PROJECT_FILE, message, place, "choose another name, e.g. `small`")

    def settings(self, word: str) -> Mapping[str, Any]:
        """Return a keyword's part of the project file."""
        return self.checked_project.settings.get(word, {})

    def used(self, kind: Kind) -> list[str]:
        """Return the plugins of a kind that the project uses: those whose key its file has. Raises ProblemsError."""
        keys, registry = self.checked_project.settings, self.registry
        return [key for key in keys if has_settings(registry, kind, key)]

    @cached_property
    def installed(self) -> Registry:
        """The plugins under the project's and the environment's lists, whatever `nika.lock` says: to be listed."""
        installed, passed = scan(), passed_plugins(self.passed)
        if not self._records and not passed:
            return Registry(installed, self._policy)
        taken = {record.id for record in installed}
        extra = [record for record in self._records if record.id not in taken]
        for record in passed:
            if record.id in taken:
                raise UsageError(
                    f"the plugin {record.module} was passed for the word '{record.word}', which an installed one has",
                    code=codes.PLUGIN_CONFLICT,
                    hint="give it another word",
                )
        return Registry((*installed, *extra, *passed), self._policy)

    @cached_property
    def registry(self) -> Registry:
        """The same plugins, to be used.

        Raises UsageError for a list that names a kind that does not exist, and RefusedError if the project has a
        `nika.lock` and something else is installed.
        """
        refuse_unknown_kinds(self._policy)
        allowed = [record for record in self.installed.allowed() if record.plugin is None]
        lock = self.project_folder / LOCK_NAME
        requiring = next((each for each in self.organization if each.lock_required), None)
        if requiring is not None and not os.path.lexists(lock):
            raise RefusedError(
                codes.ORGANIZATION_POLICY,
                f"{requiring.path} requires a lock of the plugins, and there is no {lock}",
                hint="check what is installed, and write it: nika plugins lock",
            )
        require_lock(lock, allowed)
        self.installed.on_secret = self.masker.add
        return self.installed

    @cached_property
    def _user_lists(self) -> PluginPolicy:
        return user_lists(self.project, self.environ, self.trust.may_widen)

    @cached_property
    def _policy(self) -> PluginPolicy:
        return with_organization(self._user_lists, self.organization)

    # -- limits

    @cached_property
    def policies(self) -> list[GuardedPolicy]:
        """Every limit policy. Raises PluginError if one is broken: a limit that is not asked is no limit.

        Raises RefusedError if a list leaves one out that is installed, or if one is missing that the organization
        requires: lists narrow what may be done, and a limit policy less would widen it.
        """
        refuse_lost_policies(self.registry.records(), self._user_lists, self._is_idle)
        policies = self.registry.policies()
        require_policies(self.organization, {policy.record.word for policy in policies})
        return policies

    @cached_property
    def limits(self) -> Limits:
        """The limits of every run. Raises UsageError for a malformed setting, PluginError for a broken policy."""
        found: list[Limit] = []
        for policy in self.policies:
            found += self._limits_of(policy.limits)
            found += self._organization_limits(policy.limits)
        self._refuse_unknown_limits({limit.name for limit in found})
        return Limits(found)

    def _is_idle(self, record: PluginRecord) -> bool:
        """Return whether a policy that comes with Nika limits nothing here. Others are not imported to find out."""
        if not self.registry.comes_with_nika(record) or self._policy.why_blocked(record) is None:
            return False
        policy = self.registry.policy_of(record)
        limits = Limits([*self._limits_of(policy.limits), *self._organization_limits(policy.limits)])
        return not limits.counts and not policy.stages(limits.amounts)

    def _organization_limits(self, ask: Callable[[Mapping[str, str]], Iterable[Limit]]) -> Iterator[Limit]:
        """Yield what the organization's variables make of a policy's limits; of several the smallest holds."""
        for file in self.organization:
            if not file.variables:
                continue
            try:
                limits = list(ask({**self.environ, **file.variables}))
            except NikaError as error:
                raise RefusedError(error.code, f"{file.path}: {error.message}", hint=error.hint) from error
            yield from (replace(each, origin=str(file.path)) for each in limits if each.name in file.variables)

    @property
    def policy_environ(self) -> Mapping[str, str]:
        """The environment as limit policies read it; the machine's file wins over the one that a user may name."""
        environ = dict(self.environ)
        for file in reversed(self.organization):
            environ |= file.variables
        return environ

    def _limits_of(self, ask: Callable[[Mapping[str, str]], Iterable[Limit]]) -> list[Limit]:
        return project_limits(ask, self.environ, self.project, self.trust.may_widen)

    def _refuse_unknown_limits(self, names: set[str]) -> None:
        """Raise ProblemsError for keys of `limits` that are nobody's, and for wrong values of keywords' limits."""
        if not unknown_limits(self.project, names):
            return
        for word in filter(self.can_load, self.registry.words(Kind.KEYWORD)):
            for policy in self.policies:
                limits = self._limits_of(partial(policy.keyword_limits, self.registry.keyword(word)))
                names |= {limit.name for limit in limits}
        problems = unknown_limits(self.project, names)
        if problems:
            raise ProblemsError(problems)

    def limits_for(self, words: Iterable[str]) -> Limits:
        """Return the same limits with the bounds of these keywords."""
        general = self.limits  # their errors come first, and all at once
        found: list[Limit] = []
        for word in words:
            keyword = self.registry.keyword(word)
            for policy in self.policies:
                found.extend(self._limits_of(partial(policy.keyword_limits, keyword)))
                found.extend(self._organization_limits(partial(policy.keyword_limits, keyword)))
        return general.narrowed(found)

    def all_limits(self, words: Iterable[str] = ()) -> Iterator[Limit]:
        """Return every limit, with those of the keywords that come with Nika and of `words`.

        Other keywords' limits are in their descriptions, and nobody has used their words. Raises PluginError for a
        word that no keyword may have.
        """
        built_in = filter(self.can_load, self.registry.keyword_words(built_in=True))
        return iter(self.limits_for(dict.fromkeys((*built_in, *words))))

    def can_load(self, word: str) -> bool:
        """Return whether this keyword is installed, allowed and not broken."""
        try:
            self.registry.keyword(word)
        except PluginError:
            return False
        return True

    # -- documents

    def load(
        self,
        path: Path,
        *,
        text: bytes | None = None,
        model: str | None = None,
        with_environ: bool = True,
        checked: bool = False,
    ) -> LoadedWorkflow:
        """Read and check a workflow; never raises for what is in it.

        Args:
            with_environ: whether environment variables have to be set where templates name them.
            checked: it has been checked in time before, on another machine: it may take longer on this one.

        Raises:
            ProblemsError: the project file is wrong.
            UsageError: a limit's setting is malformed.
        """
        limits, project = self.limits, self.checked_project
        if checked:
            limits = Limits(each for each in limits if each.measure != LimitKind.VALIDATE_SECONDS)
        with self.facet_timeout():
            loaded = load_workflow(
                path,
                self.registry,
                limits,
                clock=self.clock,
                text=text,
                environ=self.environ if with_environ else None,
                project=project,
                model=model,
            )
        if any(
            problem.code == codes.TIMEOUT for problem in loaded.problems
        ):  # which plugin took the time, if that is known
            slow = (error.problem() for error in self.registry.failures() if error.code == codes.PLUGIN_BROKEN)
            return replace(loaded, problems=(*slow, *loaded.problems))
        warnings = tuple(self.warnings())
        return replace(loaded, problems=(*warnings, *loaded.problems)) if warnings else loaded

    def facet_timeout(self) -> AbstractContextManager[None]:
        """Return a context in which a plugin that does not return in the time for a validation, and somewhat more, is
        interrupted by a PluginError.
        """
        if not self._facet_timer:
            return nullcontext()
        seconds = self.limits.amounts.get(LimitKind.VALIDATE_SECONDS, FACET_SECONDS) or FACET_SECONDS
        return facet_timeout(lambda: tuple(self.registry.usable()), seconds + 1.0)

    def graph(self, workflow: Workflow) -> Graph:
        """Return the tasks of a workflow and the edges between them."""
        return graph_of(workflow, self.registry)

    def tools_asked(self, workflow: Workflow) -> Mapping[str, Sequence[str]]:
        """Return the entries of `askTools` by which a person is asked about tool calls, by the path of the task."""
        return tools_asked(workflow, lambda word: self.registry.keyword(word).category)

    def journal(self, workflow: Path | None = None) -> Journal:
        """Return the history of the project; without a project file, that of the working directory (or the folder that
        was opened in its place), or of the workflow's folder if that lies elsewhere.
        """
        folder = self.project.folder
        if folder is None:
            here = Path.cwd()
            folder = here if workflow is not None and workflow.absolute().is_relative_to(here) else self.start
        from nika_core.journal import Journal  # and SQLite with it, which a mere check does not need

        return Journal.open(folder)

    @cached_property
    def masker(self) -> Masker:
        """Masks the project's secrets in everything that is shown or recorded; a run adds those
        of its providers, template sources and steps.
        """
        return Masker(secret_values(self.environ, self.project.secrets))
