"""A document's tree as a `Workflow`: every part is read, whatever is wrong with the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from nika_core import codes
from nika_core.document.plugin_catalog import PluginCatalog, called_otherwise
from nika_core.document.reading import workflow_schema
from nika_core.document.reading.agent_block import check_model, read_agent
from nika_core.document.reading.condition_reader import ConditionReader
from nika_core.document.reading.deferred_fields import defer
from nika_core.document.reading.flow_reader import FlowReader
from nika_core.document.reading.group_reader import compile_tree
from nika_core.document.reading.inputs import declared
from nika_core.document.reading.legacy import LATER_VERSION_KEY, find_legacy_key
from nika_core.document.reading.payload_reader import compile_text
from nika_core.document.reading.problem_list import ProblemList
from nika_core.document.reading.task_reader import TaskReader
from nika_core.document.validation.compile_validators import compile_schema
from nika_core.document.validation.issues import ValidationIssue, add, add_syntax_hint, is_refused, under
from nika_core.document.validation.json_tree import typed_tree
from nika_core.document.validation.unknown_keys import explain_key, suggest_key
from nika_core.document.yaml.deadline import ValidationDeadline
from nika_core.document.yaml.path_locator import PathLocator
from nika_core.document.yaml.syntax_hints import SYNTAX_HINTS
from nika_core.errors import PluginError
from nika_core.model.bounded import why_not_an_id
from nika_core.model.input_values import DeclarationError
from nika_core.model.limits import Limits
from nika_core.model.template import Template
from nika_core.model.workflow import InputSpec, NodePath, NoOutputs, Task, Workflow
from nika_core.values import replace

_MAX_INPUTS: Final = 1000


class WorkflowReader:
    """Reads one document. `model`: one that is named elsewhere, so that the document need not name any."""

    def __init__(
        self,
        path: Path,
        locator: PathLocator,
        catalog: PluginCatalog,
        limits: Limits,
        deadline: ValidationDeadline,
        model: str | None = None,
        *,
        outer: WorkflowReader | None = None,
        name: str = "",
    ) -> None:
        """Args: outer, name: the reader of the document and the name there, of a workflow under `workflows:`."""
        self.outer = outer
        self.name = name
        self.path = path
        self.locator = locator
        self.catalog = catalog
        self.limits = limits
        self.deadline = deadline
        self.model = model
        self.problems: ProblemList = ProblemList(locator) if outer is None else outer.problems.below(locator)
        self.conditions: ConditionReader = ConditionReader(limits, deadline) if outer is None else outer.conditions
        self.broken_sections: set[str] = set() if outer is None else set(outer.broken_sections)
        self.workflows: dict[str, Workflow | None] = {}  # under `workflows:`; None: a broken one
        self.deferred: dict[NodePath, Template] = {}

    def read(self, root: Any, missing: Collection[str] = (), ids: Iterable[str] = ()) -> Workflow | None:
        """Return the workflow; None if the document is not one at all.

        Args:
            missing: root keys that could not be read: that they are not there is no problem of its own.
            ids: of tasks that could not be read.
        """
        if type(root) is not dict:
            self.problems.add_issues([_no_mapping(root)], codes.BAD_VALUE, ())
            return None
        syntax_problems = len(self.problems.items)
        if LATER_VERSION_KEY in root and self._of_another_version(root, syntax_problems):
            return None
        sections = self._sections(root)
        tasks = self._tasks(root, whole=not ids and "tasks" not in missing)
        if len(self.problems.items) > syntax_problems and self._of_another_version(root, syntax_problems):
            return None
        ids_read = {task.id for task in tasks}
        tasks += tuple(Task(name, "", {}, len(tasks)) for name in dict.fromkeys(ids) if name not in ids_read)
        agent = None
        if "agent" in root:
            agent = read_agent(root["agent"], self.path.parent, self.problems, self.deferred, self.model)
        elif self.model is None and "agent" not in missing and self.outer is None:
            check_model(tasks, self.catalog, self.problems)
        self._read_workflows(root, sections)
        return Workflow(
            name=self.name or self._text(root, "name") or _name_of(self.path),
            path=self.path,
            tasks=tasks,
            flows=self._flows(root),
            description=self._text(root, "description") or "",
            inputs=self._inputs(root),
            outputs=self._outputs(root),
            timeout=self._seconds(root, "timeout"),
            env=self._env(root),
            agent=agent,
            sections=sections,
            deferred=self.deferred,
            at=self.locator.place_of,
        )

    def _read_workflows(self, root: dict[Any, Any], sections: Mapping[str, Any]) -> None:
        """Read what stands under `workflows:`. One without its own servers and the like has those of the file."""
        node = root.get("workflows")
        if node is None or is_refused(node):
            return
        issues: list[ValidationIssue] = []
        if type(node) is not dict:
            add(issues, node, "workflows by name", "e.g. `workflows: {section: {tasks: [...]}}`")
            self.problems.add_issues(issues, codes.BAD_VALUE, ("workflows",))
            return
        for name, inner in node.items():
            if not isinstance(name, str):
                continue
            why = why_not_an_id(name, None)
            if why is not None:
                self.problems.add(codes.BAD_VALUE, f"the name of a workflow: {why}", ("workflows", name), at_key=True)
            self.workflows[name] = self._read_inner(name, inner, sections)

    def _read_inner(self, name: str, node: Any, sections: Mapping[str, Any]) -> Workflow | None:
        if is_refused(node):
            return None
        locator = self.locator.below("workflows", name)
        reader = WorkflowReader(
            self.path, locator, self.catalog, self.limits, self.deadline, self.model, outer=self, name=name
        )
        workflow = reader.read(node)
        self.broken_sections |= reader.broken_sections
        if workflow is None:
            return None
        return replace(workflow, sections={**sections, **workflow.sections}, inputs=workflow.inputs or {})

    def _of_another_version(self, root: dict[Any, Any], syntax_problems: int) -> bool:
        """Return whether it is. If so, that replaces all problems but the first `syntax_problems` ones.

        Asked only if there are problems, since the schema refuses all that only other versions have.
        """
        legacy_key = find_legacy_key(root, self.catalog.keywords())
        if legacy_key is None:
            return False
        path, why = legacy_key
        hint = f"`nika migrate {self.path.name}` rewrites v4 files; see `nika explain {codes.V4_DOCUMENT}`"
        if path == (LATER_VERSION_KEY,):
            hint = "this is Nika v5: run the file with the Nika that it was written for"
        self.problems.keep(syntax_problems)
        self.problems.add(codes.V4_DOCUMENT, why, path, hint=hint, at_key=True)
        return True

    def _text(self, root: dict[Any, Any], key: str) -> str | None:
        if key not in root:
            return None
        issues: list[ValidationIssue] = []
        value = compile_schema(workflow_schema.ROOT[key]).check(root[key], issues)
        self.problems.add_issues(issues, codes.BAD_VALUE, (key,))
        return value if isinstance(value, str) else None

    def _seconds(self, root: dict[Any, Any], key: str) -> float | None:
        if key not in root:
            return None
        issues: list[ValidationIssue] = []
        fields = {key: compile_schema(workflow_schema.ROOT[key]).check(root[key], issues)}
        under(issues, 0, key)
        defer(fields, issues, self.deferred, ())
        self.problems.add_issues(issues, codes.BAD_VALUE, ())
        return fields[key] if not issues else None

    def _env(self, root: dict[Any, Any]) -> dict[str, str]:
        """Return the variables for processes; one with a template in it is empty until that is filled in."""
        if "env" not in root:
            return {}
        issues: list[ValidationIssue] = []
        env: dict[str, Any] = compile_schema(workflow_schema.ENV).check(root["env"], issues) or {}
        for name, text in env.items():
            value = compile_text(text, issues, (name,)) if isinstance(text, str) else ""
            if isinstance(value, Template):
                self.deferred["env", name] = value
                value = ""
            env[name] = value
        self.problems.add_issues(issues, codes.BAD_VALUE, ("env",))
        return env

    def _outputs(self, root: dict[Any, Any]) -> Any:
        """Return the templates of the workflow's output."""
        if "outputs" not in root or is_refused(root["outputs"]):
            return NoOutputs.NO_OUTPUTS
        issues: list[ValidationIssue] = []
        outputs = compile_tree(typed_tree(root["outputs"]), issues)
        self.problems.add_issues(issues, codes.BAD_VALUE, ("outputs",))
        return outputs

    def _sections(self, root: dict[Any, Any]) -> dict[str, Any]:
        """Return the root keys that plugins bring, checked; others are unknown."""
        unknown = [key for key in root if isinstance(key, str) and key not in self._keys]
        if not unknown:
            return {}
        sections: dict[str, Any] = {}
        for key in unknown:
            try:
                validator = self.catalog.section(key)
            except PluginError as error:
                self.problems.add(error.code, error.message, (key,), hint=error.hint, at_key=True)
                self.broken_sections.add(key)
                continue
            if validator is None:
                self._add_unknown_key(key)
                continue
            issues: list[ValidationIssue] = []
            sections[key] = compile_schema(validator).check(root[key], issues)
            self.problems.add_issues(issues, codes.BAD_VALUE, (key,))
            if issues:
                self.broken_sections.add(key)
        return sections

    @property
    def _keys(self) -> list[str]:
        """The root keys that are the kernel's, in the order in which messages name them."""
        refused = workflow_schema.NOT_INNER if self.outer is not None else ()
        return [key for key in workflow_schema.ROOT if key not in refused]

    def _add_unknown_key(self, key: str) -> None:
        if key in workflow_schema.NOT_INNER:
            instead = (
                "its name is its key" if key == "name" else "write it beside this one, under the file's `workflows:`"
            )
            message = f"a workflow under `workflows:` has no `{key}`"
            self.problems.add(codes.UNKNOWN_KEY, message, (key,), hint=instead, at_key=True)
            return
        allowed_keys = [*self._keys, *self.catalog.sections()]
        hint = explain_key(key, allowed_keys)
        if key in self.catalog.keywords():
            hint = f"`{key}` is a task's keyword: write it under `tasks:`, in an item with an `id`"
        hint = hint or called_otherwise(self.catalog, key) or f"known here: {', '.join(allowed_keys)}"
        self.problems.add(codes.UNKNOWN_KEY, f"unknown key `{key}`", (key,), hint=hint, at_key=True)

    def _tasks(self, root: dict[Any, Any], *, whole: bool) -> tuple[Task, ...]:
        node = root.get("tasks")
        if type(node) is not list:
            if "tasks" in root and not is_refused(node) and (whole or node != ""):
                issues: list[ValidationIssue] = []
                add(issues, node, "a list of tasks", "write each task as an item: `- id: ...`")
                self.problems.add_issues(issues, codes.BAD_VALUE, ("tasks",))
            elif whole and "tasks" not in root and not _misspelt(root, "tasks"):
                self.problems.add(codes.BAD_VALUE, "the key `tasks` is missing", (), hint="add `tasks:` with a list")
            return ()
        if not node and whole:
            self.problems.add(codes.BAD_VALUE, "a workflow has at least one task", ("tasks",))
        reader = TaskReader(
            self.path.parent,
            self.locator,
            self.catalog,
            self.limits,
            self.conditions,
            self.deadline,
            self.problems,
        )
        tasks = reader.read()
        self.deferred |= reader.deferred
        return tasks

    def _flows(self, root: dict[Any, Any]) -> tuple[Any, ...]:
        node = root.get("flows")
        if node is None or node == "" or is_refused(node):
            return ()
        if type(node) is not list:
            issues: list[ValidationIssue] = []
            add(issues, node, "a list of flows", "write each flow as an item: `- {source: a, target: b}`")
            self.problems.add_issues(issues, codes.BAD_VALUE, ("flows",))
            return ()
        return FlowReader(self.locator, self.conditions, self.deadline, self.problems).read()

    def _inputs(self, root: dict[Any, Any]) -> Mapping[str, InputSpec] | None:
        if "inputs" not in root:
            return None
        issues: list[ValidationIssue] = []
        node = root["inputs"]
        if type(node) is dict and len(node) > _MAX_INPUTS:
            message = f"a workflow has at most {_MAX_INPUTS} inputs, this one has {len(node)}"
            self.problems.add(
                codes.COUNT_LIMIT, message, ("inputs",), hint="group them in an input of type json", at_key=True
            )
            return None
        checked = compile_schema(workflow_schema.INPUTS).check(node, issues)
        add_syntax_hint(issues, 0, "inputs")
        for issue in issues:
            if len(issue.path) == 1 and issue.hint is None:
                issue.hint = SYNTAX_HINTS["input"]
        self.problems.add_issues(issues, codes.BAD_VALUE, ("inputs",))
        inputs: dict[str, InputSpec] = {}
        for name, fields in (checked or {}).items():
            try:
                inputs[name] = declared(name, fields, node[name].get("default"))
            except DeclarationError as error:
                message = f"the {error.field} of `{name}`: {error}"
                self.problems.add(codes.BAD_INPUT, message, ("inputs", name, error.field))
                inputs[name] = InputSpec(name, fields.get("type") or "string")
        for name in node if type(node) is dict else ():
            if isinstance(name, str) and name not in inputs:
                inputs[name] = InputSpec(name)  # broken, but declared
        return inputs


def _no_mapping(root: Any) -> ValidationIssue:
    what = "a list" if type(root) is list else "a text"
    return ValidationIssue(f"a workflow is a mapping with `tasks:`, this is {what}", "start with `tasks:`")


def _misspelt(root: dict[Any, Any], key: str) -> bool:
    """Return whether a key that is reported as unknown stands for this one."""
    return any(suggest_key(name, [key]) for name in root if isinstance(name, str) and name not in workflow_schema.ROOT)


def _name_of(path: Path) -> str:
    name = path.name
    for suffix in (".nika.yaml", ".nika.yml", ".yaml", ".yml"):
        if name.endswith(suffix) and len(name) > len(suffix):
            return name.removesuffix(suffix)
    return name
