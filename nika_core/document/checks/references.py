"""Placeholders: known sources, known tasks and inputs, and paths that are not too long."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from nika_core import codes
from nika_core.document.checks.check_context import Context, is_known_before_run, is_late, place_of, reads
from nika_core.document.checks.item_schema import item_schema
from nika_core.errors import NikaError, Place, Problem
from nika_core.model.bounded import shorten
from nika_core.model.json import JsonObject
from nika_core.model.limits import LimitKind
from nika_core.model.nearest import nearest
from nika_core.model.payload_tree import list_parts, placeholders_in, templates_in
from nika_core.model.template import Placeholder, TypedTemplate
from nika_core.model.workflow import Binding, Condition, NoOutputs, Task
from nika_core.template import why_not_piped
from nika_core.values import dataclass, replace

_NO_BINDINGS: Final[frozenset[str]] = frozenset()
_NOTHING_KNOWN: Final[Mapping[str, JsonObject]] = {}
_ALL_TASKS: Final = (
    "it is the same for all tasks, and fixed before any of them runs; put it in the task's `systemPrompt`"
)
_BEFORE_RUN: Final = "it is fixed before any task runs; use an input, as in `${input.name}`, or an environment variable"
_BEFORE_TASK: Final = f"{_BEFORE_RUN}; in a list `${{each...}}` is known, too"


@dataclass(frozen=True, slots=True)
class _ReferenceIssue:
    """What is wrong with a placeholder, wherever it stands."""

    message: str
    code: str
    hint: str | None


class _References:
    """Asks each source about each placeholder once, however often the placeholder is written."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.depth = context.limits.bounds.get(LimitKind.TEMPLATE_DEPTH)
        self._issues_of_text: dict[tuple[str, str, frozenset[str]], tuple[_ReferenceIssue, ...]] = {}
        self.sources: Collection[str] | None = None
        self._owner, self._known = "", _NOTHING_KNOWN

    def begin(self, task: Task | None) -> None:
        """Begin with the placeholders of a task; None: of none."""
        item = None if task is None else item_schema(self.context, task)
        if task is None or item is None:
            self._owner, self._known = "", _NOTHING_KNOWN
        else:
            self._owner, self._known = task.id, {Binding.ITEM: item}

    def problems(
        self, placeholder: Placeholder, at: Callable[[Placeholder], Place], bindings: frozenset[str] = _NO_BINDINGS
    ) -> Iterator[Problem]:
        """Yield what is wrong with a placeholder, and with each reference of its chain, with its place."""
        for member in placeholder.members:
            for issue in self._issues(member, bindings):
                yield Problem(issue.code, issue.message, at(member), issue.hint)
        reason = self._why_not_piped(placeholder) if placeholder.pipes else None
        if reason:
            yield Problem(codes.VALUE_NOT_ALLOWED_HERE, f"{_short(placeholder)}: {reason}", at(placeholder))

    def _why_not_piped(self, placeholder: Placeholder) -> str | None:
        """Return why its pipes cannot take its value; None if they can, or if what it is is not known."""
        if placeholder.alternatives:
            return None
        schema = self.context.known_schema(placeholder)
        kind = None if schema is None else schema.get("type")
        kinds = [kind] if isinstance(kind, str) else kind
        if not isinstance(kinds, list):
            return None
        return why_not_piped(placeholder.pipes, [one for one in kinds if isinstance(one, str)])

    def _issues(self, placeholder: Placeholder, bindings: frozenset[str]) -> tuple[_ReferenceIssue, ...]:
        key = placeholder.text, self._owner, bindings
        issues = self._issues_of_text.get(key)
        if issues is None:
            issues = self._issues_of_text[key] = tuple(self._ask(placeholder, bindings))
        return issues

    def _ask(self, placeholder: Placeholder, bindings: frozenset[str]) -> Iterator[_ReferenceIssue]:
        if self.depth is not None and len(placeholder.path) > self.depth.value:
            yield _ReferenceIssue(
                f"{_short(placeholder)} has a path of {len(placeholder.path)} steps; at most {self.depth.value:g} are "
                "allowed",
                codes.DEPTH_LIMIT,
                f"raise {self.depth.name}, if such a path is meant",
            )
            return
        if self.sources is None:
            self.sources = frozenset(self.context.catalog.sources())
        if placeholder.source not in self.sources:
            yield self._unknown_source(placeholder)
            return
        self.context.check_time()
        issues: list[_ReferenceIssue] = []

        def report(message: str, *, code: str = codes.UNKNOWN_REFERENCE, hint: str | None = None) -> None:
            issues.append(
                _ReferenceIssue(f"{_short(placeholder)}: {message}", code, self._other_form(placeholder) or hint)
            )

        try:
            source = self.context.catalog.source(placeholder.source)
            scope = self.context.scope
            if bindings:
                scope = replace(
                    scope, bindings=bindings, known=self._known if Binding.ITEM in bindings else _NOTHING_KNOWN
                )
            source.check(placeholder, scope, report)
            tuple(source.depends_on(placeholder))
        except NikaError as error:
            yield _ReferenceIssue(f"{_short(placeholder)}: {error.message}", error.code, error.hint)
        yield from issues

    def _other_form(self, placeholder: Placeholder) -> str | None:
        """Return a hint for `{{input.x}}`, if a source and not a task has that name."""
        name, *path = placeholder.path
        meant = name if name in (self.sources or ()) else name.removesuffix("s")
        others = {*(self.sources or ())} - {placeholder.source}
        if not path or placeholder.text.startswith("$") or meant not in others:
            return None
        if placeholder.chained or placeholder.alternatives:
            return f"in {{{{...}}}} each reference is a task; write ${{task.x ?? {meant}.{'.'.join(path)}}}"
        return f"did you mean ${{{meant}.{'.'.join(path)}}}?"

    def _unknown_source(self, placeholder: Placeholder) -> _ReferenceIssue:
        sources = sorted(self.context.catalog.sources())
        near = nearest(placeholder.source, sources)
        hint = f"did you mean '{near}'? " if near else ""
        return _ReferenceIssue(
            f"{_short(placeholder)}: no plugin offers a template source '{placeholder.source}'",
            codes.UNKNOWN_SOURCE,
            f"{hint}available: {', '.join(sources) or 'none'}; for the characters themselves write \\"
            + placeholder.text[:2],
        )


def check_references(context: Context) -> Iterator[Problem]:
    """Check references in payloads, in the agent block's system prompt and in conditions."""
    references = _References(context)
    for task in context.workflow.tasks:
        references.begin(task)
        bindings = _bindings(task)
        for path, placeholder in placeholders_in(task.payload):
            at = partial(place_of, task.at, path)
            yield from references.problems(placeholder, at, bindings)
            if task.id in context.depends_on(placeholder):
                yield Problem(
                    codes.CYCLE,
                    f"{_short(placeholder)}: task '{task.id}' waits for its own output",
                    at(placeholder),
                    "a task's payload can name other tasks only",
                )
        yield from _check_group(context, references, task, bindings)
        at = partial(place_of, task.at, ("when",))
        yield from _check_condition(context, references, task.when, task.id, at, bindings - {Binding.ROUND})
        stand_in = () if task.stand_in is None else placeholders_in(task.stand_in, ("onError", "value"))
        for path, placeholder in stand_in:
            at = partial(place_of, task.at, path)
            yield from references.problems(placeholder, at, bindings & {Binding.STATUS})
            if task.id in context.depends_on(placeholder):
                message = f"{_short(placeholder)}: what stands in for '{task.id}' cannot depend on its own output"
                yield Problem(codes.CYCLE, message, at(placeholder), "a value can name other tasks only")
    references.begin(None)
    agent = context.workflow.agent
    for path, placeholder in placeholders_in(agent.system_prompt if agent else None, ("agent", "systemPrompt")):
        at = partial(place_of, context.workflow.at, path)
        problems = tuple(references.problems(placeholder, at))
        yield from problems
        if not problems:
            yield from _check_known(context, placeholder, at, "the agent block's system prompt", _ALL_TASKS)
    yield from _check_deferred(context, references)
    references.begin(None)
    outputs = context.workflow.outputs
    for path, placeholder in placeholders_in(None if outputs is NoOutputs.NO_OUTPUTS else outputs, ("outputs",)):
        yield from references.problems(placeholder, partial(place_of, context.workflow.at, path))
    for flow in context.workflow.flows:
        at = partial(place_of, flow.at, ("condition",))
        target = None if flow.source == flow.target else flow.target
        yield from _check_condition(context, references, flow.condition, target, at)


def _check_deferred(context: Context, references: _References) -> Iterator[Problem]:
    """Check templates in fields whose values must be known before any task runs, or before their own task does."""
    workflow = context.workflow
    tasks = {task.index: task for task in workflow.tasks}
    for path, template in workflow.deferred.items():
        owner = tasks.get(path[1]) if path[0] == "tasks" and isinstance(path[1], int) else None
        bindings = _NO_BINDINGS if owner is None else _bindings(owner)
        references.begin(owner)
        at = partial(place_of, workflow.at, path)
        for placeholder in template.placeholders:
            problems = tuple(references.problems(placeholder, at, bindings))
            yield from problems
            if not problems:
                yield from _check_known(context, placeholder, at, f"`{path[-1]}`", _BEFORE_RUN)
    for task in workflow.tasks:
        references.begin(task)
        for path, template in templates_in(task.payload):
            if isinstance(template, TypedTemplate) and template.before_run:
                at = partial(place_of, task.at, path)
                for placeholder in template.placeholders:
                    if any(references.problems(placeholder, at, _bindings(task))):
                        continue
                    yield from _check_known(context, placeholder, at, f"`{path[-1]}`", _BEFORE_TASK, items=True)


def _check_known(
    context: Context,
    placeholder: Placeholder,
    at: Callable[[Placeholder], Place],
    subject: str,
    hint: str,
    *,
    items: bool = False,
) -> Iterator[Problem]:
    """Check a placeholder whose value must be known before any task runs; `items`: or be an item's."""
    if is_late(context.catalog, placeholder):
        return  # reported with all secrets that stand in a wrong place
    members = [member for member in placeholder.members if not (items and reads(context.catalog, member, Binding.ITEM))]
    if any(task in context.tasks for member in members for task in context.depends_on(member)):
        what = "a task's output"
    elif not all(is_known_before_run(context.catalog, member._replace(alternatives=())) for member in members):
        what = "what is only known in a run"
    else:
        return
    message = f"{_short(placeholder)}: {subject} cannot name {what}"
    yield Problem(codes.UNKNOWN_REFERENCE, message, at(placeholder), hint)


def _bindings(task: Task) -> frozenset[str]:
    """Return what a task's payload may name beside tasks, inputs and the like."""
    names = {
        Binding.ITEM: task.for_each is not None,
        Binding.ROUND: task.repeat is not None,
        Binding.STATUS: task.always,
    }
    return frozenset(name for name, has in names.items() if has)


def _check_group(context: Context, references: _References, task: Task, bindings: frozenset[str]) -> Iterator[Problem]:
    """Check what `forEach` and `repeat` refer to. The list has no item yet; only `until` speaks of the task itself."""
    if task.for_each is not None:
        for path, placeholder in placeholders_in(list_parts(task.for_each)):
            own = bindings & {Binding.STATUS} if path[0] == "items" else bindings
            at = partial(place_of, task.at, ("forEach", *path))
            yield from references.problems(placeholder, at, own)
            if task.id in context.depends_on(placeholder):
                message = f"{_short(placeholder)}: the list of '{task.id}' cannot depend on its own output"
                yield Problem(codes.CYCLE, message, at(placeholder), "a list is made before its first item starts")
    for placeholder in task.repeat.until.placeholders if task.repeat is not None else ():
        yield from references.problems(placeholder, partial(place_of, task.at, ("repeat", "until")), bindings)


def _check_condition(
    context: Context,
    references: _References,
    condition: Condition | None,
    target: str | None,
    at: Callable[[Placeholder], Place],
    bindings: frozenset[str] = _NO_BINDINGS,
) -> Iterable[Problem]:
    """Check a condition. `target`: the task that it decides about; None: nobody's, which is reported elsewhere."""
    for placeholder in condition.placeholders if condition else ():
        yield from references.problems(placeholder, at, bindings)
        if target in context.depends_on(placeholder):
            yield Problem(
                codes.CYCLE,
                f"{_short(placeholder)}: whether '{target}' runs cannot depend on its own output",
                at(placeholder),
                "a condition is asked before its target runs",
            )


def _short(placeholder: Placeholder) -> str:
    return shorten(placeholder.text, 80)
