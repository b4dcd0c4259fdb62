"""What a template source is: where `${name.key}` takes its values from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from nika_core.model.json import Json, JsonObject
from nika_core.model.template import Placeholder
from nika_core.model.workflow import Binding, InputSpec, Task
from nika_core.values import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSource:
    """Describe a template source.

    Attributes:
        name: the word before the dot; also the name of the entry point.
        summary: one sentence.
        source: "package.module:Class" of a `Source`, made once per run without arguments.
        default_source: whether `{{...}}` asks this source. The built-in `task` is the only one that may.
        optional: whether its placeholders have values though the tasks that they name have no output: they wait for
            these tasks, and do not need their outputs.
        may_be_missing: whether its placeholders may have no value in a run that succeeds: `outputs` asks for `??` then.
        known_before_run: whether values that name no task are known before a run starts: then they are checked there.
        binding: what its values are taken from, if that is a list's item or a loop's round; else None.
        secret: whether its values are secrets: every text and number in one, and what pipes take out of it, is masked
            from then on, if it has at least 6 characters.
        late: whether its values are secrets that the secret sources have. Its source is a `LateSource`. Such a value is
            not known before a task starts: the task's payload carries the placeholder, and each attempt fills it in. So
            it can stand only where the kernel need not look at the value: in the payload of a task that acts outside.
    """

    name: str
    summary: str
    source: str
    default_source: bool = False
    optional: bool = False
    may_be_missing: bool = False
    known_before_run: bool = True
    binding: Binding | None = None
    secret: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """What is known of a run before it starts.

    Attributes:
        tasks: the workflow's tasks by id.
        inputs: its declared inputs; None where it declares none: then any input is accepted.
        environ: the environment.
        bindings: what the placeholder's task has beside these, by `Binding`: `item` inside a list, `round` inside a
            loop, `status` (of the run) in cleanup.
        known: what is known of these, by `Binding`, as JSON Schema: of the `item` itself. What is not there may be
            anything.
    """

    tasks: Mapping[str, Task] = field(default_factory=dict)
    inputs: Mapping[str, InputSpec] | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    bindings: frozenset[str] = frozenset()
    known: Mapping[str, JsonObject] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Values:
    """What is known when a task's payload is made. Immutable: a running task's view never changes.

    Attributes:
        outputs: of the tasks that succeeded, by id.
        inputs: the run's inputs.
        environ: the environment as it was when the run started.
        max_depth: nesting of JSON text that is parsed to be read by path.
        states: of the tasks that have ended, by id: `success`, `failed`, `skipped` or `cancelled`.
        errors: why tasks failed, by id: objects with `message`, `code`, `category` and, if there is one, `output`.
        bindings: what lists and loops give a task, by `Binding`: `item` and `round`.
        run: `id` of the run; `folder` for files that tasks hand on, made when it is asked for;
            `scope`: names the node whose workflow the task belongs to, None for the run's own; `status`, in cleanup:
            how it would end now, `succeeded`, `failed` or `cancelled`.
        secrets: of a placeholder of a late source: the secrets that it names, by name.
    """

    outputs: Mapping[str, Json] = field(default_factory=dict)
    inputs: Mapping[str, Json] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    max_depth: int = 50
    states: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, JsonObject] = field(default_factory=dict)
    bindings: Mapping[str, Json] = field(default_factory=dict)
    run: Mapping[str, Json] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)


class SourceReport(Protocol):
    """Report what is wrong with a placeholder: `report(message, hint="...")`.

    The kernel knows where it stands. `code` is NIKA-050 (an unknown reference) unless it is given.
    """

    def __call__(self, message: str, *, code: str = ..., hint: str | None = None) -> None: ...


class Source(Protocol):
    """Return values. All methods are pure: same arguments, same answer."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        """Report what can be known to be wrong before anything runs."""
        ...

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        """Return the ids of the tasks that it names: each becomes an edge of the graph.

        ALL_TASKS stands for all tasks of the workflow that are not cleanup; only cleanup may wait for these.
        """
        ...

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        """Return the value. Raise TemplateValueError if there is none; the kernel then takes the default, if any."""
        ...


@runtime_checkable
class TypedSource(Source, Protocol):
    """A source that also knows what its values can be. Pure, like all of it."""

    def schema(self, placeholder: Placeholder, scope: Scope) -> JsonObject | None:
        """Return the JSON Schema of a value that is there; None: it may be anything."""
        ...


@runtime_checkable
class LateSource(Source, Protocol):
    """A source whose values are made of secrets. Pure, like all of it: the kernel fetches what it names.

    It depends on no task. `resolve` is called by the attempt, with the secrets in `values.secrets` and nothing else.
    """

    def secrets(self, placeholder: Placeholder) -> Iterable[str]:
        """Return the names of the secrets that `resolve` needs for a placeholder."""
        ...
