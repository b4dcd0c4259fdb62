"""What the kernel asks about a task without running it, and what it is told: problems, effects, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from nika_core.errors import Place, Severity
from nika_core.model.json import Json, JsonObject
from nika_core.model.workflow import AgentBlock, NodePath, OutputSpec, PayloadValue
from nika_core.values import dataclass, field

if TYPE_CHECKING:  # describing a keyword needs none of these
    from pathlib import Path

    from nika_core.model.template import Template
    from nika_core.plugin.provider import ModelRequest
    from nika_core.plugin.step import StepContext
    from nika_core.plugin.tool import RuleField, Tool


class Payload(Protocol):
    """A checked payload before it is rendered: strings with placeholders are `Template`s.

    Attributes:
        task_id: the task's id.
        fields: what the keyword's validator returned, by field.
        folder: the workflow's folder; relative paths start here.
        agent: the workflow's `agent:` block.
        sections: the workflow's root keys that plugins brought.
        settings: the keyword's part of the project file.
        environ: the environment of the run; empty where it is not known.
        output: what the task wants its output to be.
    """

    @property
    def task_id(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, PayloadValue]: ...
    @property
    def folder(self) -> Path: ...
    @property
    def agent(self) -> AgentBlock: ...
    @property
    def sections(self) -> Mapping[str, Json]: ...
    @property
    def settings(self) -> JsonObject: ...
    @property
    def environ(self) -> Mapping[str, str]: ...
    @property
    def output(self) -> OutputSpec: ...
    @property
    def max_tokens(self) -> int | None:
        """The limit of tokens for one task, if a policy sets one."""
        ...

    @property
    def allowed_tools(self) -> Sequence[str]:
        """The tools that the task may use: its own, or the agent block's if it names none."""
        ...

    def at(self, *path: str | int) -> Place:
        """Return where a field (or a part of one) stands; the task's place if it is not there.

        A number after the path of a text is a character's offset in that text: `at("command", 7)`.
        """
        ...

    def text(self, field: str) -> str | None:
        """Return a field as its author wrote it; None if it is not there."""
        ...


class Report(Protocol):
    """Report what is wrong with a payload: `report(message, payload.at("field"), hint="...")`.

    `code` is NIKA-014 (a bad payload) unless it is given; a code of your own has its `Explanation` in
    `Keyword.explanations`. A warning does not stop the run.
    """

    def __call__(
        self,
        message: str,
        place: Place,
        *,
        code: str = ...,
        hint: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Effect:
    """What a task may touch.

    Attributes:
        kind: `process`, `host`, `path`, `server`, `code`, `model`, `person` or `secret` (its target is the name).
        target: which one, as far as is known.
    """

    kind: str
    target: str


@dataclass(frozen=True, slots=True)
class CallEstimate:
    """Calls to one model. Tokens are per call.

    Attributes:
        model: its name; None: the agent block's.
        input_low: tokens of the prompt, at least.
        input_high: tokens of the prompt, at most; None: nothing bounds it.
        output_high: tokens of the answer, at most; None: nothing bounds it.
        calls_low: calls, at least.
        calls_high: calls, at most; None: nothing bounds it.
        reason: why something is not bounded.
        exact: whether the prompt is fully known and was counted, not estimated.
        cache_prompt: whether the provider is asked to cache the prompt; None: as the agent block says.
        fallback: models that may be called in its place; None: the agent block's if `model` is None, else none.
    """

    model: str | None
    input_low: int
    input_high: int | None
    output_high: int | None
    calls_low: int = 1
    calls_high: int | None = 1
    reason: str = ""
    exact: bool = False
    fallback: tuple[str, ...] | None = None
    cache_prompt: bool | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a task will consume.

    Attributes:
        calls: the calls to models, one entry for each model.
        cost_low: US dollars that are paid other than by tokens, at least.
        cost_high: the same, at most; None: nothing bounds it.
        reason: why something is not bounded.
    """

    calls: tuple[CallEstimate, ...] = ()
    cost_low: float = 0.0
    cost_high: float | None = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WorkflowCall:
    """The workflow that a task of a group stands for, and what it is given.

    Attributes:
        use: a name under `workflows:` of the task's file, or the path of a workflow's file relative to that file, which
            lies in the project. An absolute `Path`: a file of the plugin's own. Not a template: what a task stands for
            is known before a run.
        inputs: the inputs by name. JSON, in which there may be templates before the payload is rendered.
        use_at: where in the payload `use` is written, e.g. `("use",)`; for problems.
        inputs_at: where in the payload the inputs are, e.g. `("with",)`; for problems.
    """

    use: str | Path | Template
    inputs: Mapping[str, PayloadValue] = field(default_factory=dict)
    use_at: NodePath = ()
    inputs_at: NodePath = ()


class Facets:
    """Answer what the kernel asks about a task without running it. All pure and quick; each has a sound default."""

    def check(self, payload: Payload, report: Report) -> None:
        """Report what the schema cannot see. Never calls anything outside; may look whether a file is there."""

    def workflow(self, fields: Mapping[str, PayloadValue]) -> WorkflowCall | None:
        """Return the workflow that a task with this payload stands for: only keywords of category `group` are asked.

        The kernel loads and checks it, and runs it in the place of a step. A task in it is a task of the run like any
        other: planned, priced, mocked, recorded and resumed. Raise UsageError for a payload that names none.

        Args:
            fields: the checked payload. Before a run there are templates in it; when the task starts it is rendered,
                and `inputs` of the answer is what the workflow is given.
        """
        return None

    def output_schema(self, fields: Mapping[str, PayloadValue]) -> JsonObject | None:
        """Return what is known of the output of a task with this payload, as JSON Schema; None: nothing. Pure.

        References to the output are checked with it before a run, and conditions, if it has `enum`. Say only what holds
        for each output that the step may have: fields that may be missing are `properties`, too. Not asked if `output`
        on the task says what its output is, or if a value may stand in for it (`onError`, `onItemError`). The default:
        nothing is known.

        Args:
            fields: the checked payload, with templates in it.
        """
        return None

    def check_tool(self, reference: str, payload: Payload, report: Report) -> None:
        """Report why an entry of `allowedTools` with this keyword stands for no tool, as far as can be seen here.

        Called once for each such entry, before a run: without it, a mistake is found when the task that uses the tool
        starts, and earlier tasks have been paid. The default: nothing is known to be wrong. A keyword without `tools`
        is not asked: it cannot be a tool.

        Args:
            reference: as `tools` is given it.
            payload: no task's: without fields. It has the workflow's folder, sections and settings, and each place
                that it gives is that of the entry.
            report: `code` is NIKA-018 (a tool that does not exist) unless it is given.
        """

    def check_disallowed_tool(self, reference: str, payload: Payload, report: Report) -> None:
        """Report why an entry of `disallowedTools` with this keyword can match no tool: it would forbid nothing.

        Such an entry also covers all that is below it (`mcp::files` every tool of that server), and a `*` in it stands
        for anything. The default: as `check_tool`, but nothing is known to be wrong with the word alone, or with a `*`.

        Args:
            reference: what stands after the word, with the stars in it.
            payload, report: as for `check_tool`.
        """
        if reference and "*" not in reference:
            self.check_tool(reference, payload, report)

    def rule_fields(self) -> Mapping[str, RuleField]:
        """Return the fields that a rule about calls of this keyword as a tool may have, by name.

        With `{"argv": RuleField.WORDS}`, `allowedTools: [{tool: word, argv: [git, log]}]` can be written. The default:
        none.
        """
        return {}

    def check_rule(self, fields: Mapping[str, Json], payload: Payload, report: Report) -> None:
        """Report values of a rule that no call can have, e.g. a host in capital letters. The default: none.

        Args:
            fields: the rule's, whose names and kinds are known to be right.
            payload, report: as for `check_tool`; `payload.at("host")` is the place of a field.
        """

    def call_fields(self, payload: JsonObject) -> Mapping[str, Json]:
        """Return the values of `rule_fields` for one call as a tool, which rules are compared with. Pure.

        A value says all that the call does in that respect. Leave out (or set to None) what cannot be said, such as the
        words of a command that a shell would change: then no rule about it allows the call, and each one that forbids
        or asks holds. The default: nothing can be said.

        Args:
            payload: rendered, as `Tool.payload` has made it of the model's arguments.
        """
        return {}

    def effects(self, payload: Payload) -> Sequence[Effect]:
        """Return what the task may touch; the default says that nothing is known."""
        return (Effect("unknown", "this keyword does not say what it touches"),)

    def estimate(self, payload: Payload) -> Estimate:
        """Estimate tokens and money, low and high; the default: none."""
        return Estimate()

    def first_request(self, payload: Payload) -> ModelRequest | None:
        """Return the first call to a model if all that is sent is known already; then its prompt can be counted.

        The default: it is not known, or there is none.
        """
        return None

    def files(self, payload: Payload) -> Sequence[Path]:
        """Return the files that belong to the task's definition: a resumed run does the task again if one changed.

        Those that a value names, or that the task itself writes, do not. The default: none.
        """
        return ()

    def sections(self, payload: Payload) -> Mapping[str, Json]:
        """Return this keyword's sections of the workflow with what is declared elsewhere, e.g. in a file beside it.

        They belong to the definition of each task that may use them: a resumed run does it again when they changed.
        What cannot be read is left out: `check` reports it. The default: as they stand in the workflow's file.

        Args:
            payload: no task's: without fields.
        """
        return {}

    def mock(self, payload: JsonObject) -> Json:
        """Return an output of the right shape for this rendered payload, without the effect.

        If it does not fit the schema that the task asks for, a small value that fits is taken instead.

        Raises:
            TaskError: the task fails without the effect, too.
        """
        return "mock"

    def may_decline(self, payload: Payload) -> bool:
        """Return whether the step may end the task as skipped (`Declined`), so that it has no output.

        The default: it never does.
        """
        return False

    def unread(self, payload: Payload) -> str:
        """Return what to warn of if nothing reads the task's output, as the rest of a sentence; "": nothing.

        The default: nothing.
        """
        return ""

    def redact(self, payload: JsonObject) -> JsonObject:
        """Return the rendered payload as it may be shown and recorded. Known secrets are masked in any case."""
        return payload

    def render(self, field: str, template: Template | str, values: Sequence[Json]) -> Json:
        """Put one of the `rendered_fields` together.

        Args:
            template: the field; a `str` where it has no placeholder.
            values: one for each placeholder, in order.

        Raises:
            TemplateValueError: a value may not stand where its placeholder stands.
        """
        raise NotImplementedError(f"a keyword with rendered fields needs `Facets.render`: {field}")

    def tool_files(self, reference: str, payload: Payload) -> Sequence[Path]:
        """Return the files from which the tools of an entry of `allowedTools` are described: `nika plan` lists them.

        The default: none.

        Args:
            reference, payload: as for `check_tool`.
        """
        return ()

    async def tools(self, reference: str, context: StepContext) -> Sequence[Tool]:
        """Return the tools that `allowedTools: [word::reference]` stands for: "" for the word alone, `*` for all.

        The default: this keyword cannot be used as a tool. Raises TaskError (category config) when there is none.
        """
        return ()
