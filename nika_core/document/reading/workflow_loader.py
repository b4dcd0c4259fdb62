"""From a path to a checked workflow, or to all that is wrong with the file."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nika_core import codes
from nika_core.document.checks import Context, check_workflow
from nika_core.document.plugin_catalog import PluginCatalog
from nika_core.document.reading.source_file import decode_source, read_bytes, too_large
from nika_core.document.reading.workflow_calls import CallTree, WorkflowCalls, inner_workflow
from nika_core.document.reading.workflow_reader import WorkflowReader
from nika_core.document.yaml.deadline import OutOfTimeError, ValidationDeadline
from nika_core.document.yaml.path_locator import PathLocator
from nika_core.document.yaml.read_limits import ReadLimits
from nika_core.document.yaml.recovery import parse_with_recovery
from nika_core.document.yaml.source_map import SourceMap
from nika_core.errors import Place, Problem, Severity, exit_code_of
from nika_core.model.bounded import shorten
from nika_core.model.clock import Clock, SystemClock
from nika_core.model.graph import Graph
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.project import Project
from nika_core.model.workflow import InnerWorkflow, Workflow
from nika_core.values import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class LoadedWorkflow:
    """A workflow, or why there is none. `problems` are in the order of the file; `text` is for diagnostics, and
    `path`, whose it is: a problem can be another file's.

    `readable`: the workflow as far as it could be read, for further checks. `graph`: of a workflow that is checked.
    """

    workflow: Workflow | None
    problems: tuple[Problem, ...]
    text: str = ""
    tasks: int = 0  # in the file, valid or not
    flows: int = 0
    path: str = ""
    readable: Workflow | None = None
    graph: Graph | None = None
    inner: InnerWorkflow | None = None  # the same for a task that stands for it
    texts: Mapping[str, str] = field(default_factory=dict)  # of the other files that problems are in, by path
    digests: Mapping[str, str] = field(default_factory=dict)  # `sha256:...` of each file, by path, its own first

    @property
    def valid(self) -> bool:
        """Whether no problem is an error."""
        return not exit_code_of(self.problems)


def load_workflow(
    path: Path,
    catalog: PluginCatalog,
    limits: Limits,
    *,
    clock: Clock | None = None,
    text: bytes | None = None,
    environ: Mapping[str, str] | None = None,
    project: Project | None = None,
    model: str | None = None,
) -> LoadedWorkflow:
    """Read and check a workflow. Never raises for the content of the file, and runs nothing.

    Args:
        text: the file's bytes, if they were read already.
        environ: the environment of the run; None: every variable may be set.
        project: its model stands in where the document names none, its settings are the keywords'.
        model: the same from the command line.
    """
    project = project or Project()
    deadline = ValidationDeadline(clock or SystemClock(), limits)
    others: dict[str, LoadedWorkflow] = {}

    def load(other: Path) -> LoadedWorkflow:
        others[str(other)] = loaded = _read(replace(options, path=other, is_inner=True), None, deadline)
        return loaded

    options = _LoadOptions(
        path, catalog, limits, environ, project, model, CallTree(project.folder or path.absolute().parent, load)
    )
    return _with_others(replace(_read(options, text, deadline), path=str(path)), others)


def _with_others(loaded: LoadedWorkflow, others: Mapping[str, LoadedWorkflow]) -> LoadedWorkflow:
    """Return a workflow with the digests and problems of the files that it calls: it is valid if they are."""
    if not others:
        return loaded
    digests = dict(loaded.digests)
    for other in others.values():
        digests |= other.digests
    loaded = replace(loaded, digests=digests)
    problems = tuple(dict.fromkeys(problem for other in others.values() for problem in other.problems))
    if not problems:
        return loaded
    texts = {path: other.text for path, other in others.items()}
    valid = loaded.workflow if not exit_code_of(problems) else None
    return replace(loaded, workflow=valid, problems=(*loaded.problems, *problems), texts=texts)


def _read(options: _LoadOptions, text: bytes | None, deadline: ValidationDeadline) -> LoadedWorkflow:
    path, limits = options.path, options.limits
    limit = limits.bounds.get(LimitKind.YAML_BYTES)
    data = read_bytes(path, limit) if text is None else text
    if isinstance(data, bytes) and limit is not None and len(data) > limit.value:
        data = too_large(path, len(data), limit)
    if isinstance(data, Problem):
        return LoadedWorkflow(None, (data,))
    decoded = decode_source(data, str(path))
    if isinstance(decoded, Problem):
        return LoadedWorkflow(None, (decoded,))
    digests = {str(path): f"sha256:{hashlib.sha256(data).hexdigest()}"}
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        with _gc_paused():
            return replace(_load(options, data, decoded, deadline), digests=digests)
    except OutOfTimeError:
        return LoadedWorkflow(None, (deadline.problem(str(path)),), decoded)
    except RecursionError:
        problem = Problem(
            codes.DEPTH_LIMIT, "the document is nested too deeply", Place(str(path), 1, 1), "make it flatter"
        )
    except Exception as error:
        why = shorten(f"{type(error).__name__}: {error}", 500)
        hint = "this is a bug in Nika or in a plugin: please report it, with the file"
        problem = Problem(codes.INTERNAL, f"the file could not be checked: {why}", Place(str(path)), hint)
    return LoadedWorkflow(None, (problem,), decoded)


@dataclass(frozen=True, slots=True)
class _LoadOptions:
    """What a document is checked against."""

    path: Path
    catalog: PluginCatalog
    limits: Limits
    environ: Mapping[str, str] | None
    project: Project
    model: str | None
    calls: CallTree
    is_inner: bool = False


def _load(options: _LoadOptions, data: bytes, text: str, deadline: ValidationDeadline) -> LoadedWorkflow:
    path, catalog, limits = options.path, options.catalog, options.limits
    read_limits = ReadLimits.of(limits)
    refused = read_limits.too_many_templates(text, str(path))
    if refused is not None:
        return LoadedWorkflow(None, (refused,), text)
    recovered = parse_with_recovery(data, text, read_limits, deadline)
    tree = recovered.tree
    locator = PathLocator(tree, SourceMap(text, str(path)))
    reader = WorkflowReader(path, locator, catalog, limits, deadline, options.model or options.project.model)
    problems = reader.problems
    for issue in recovered.issues:
        problems.add_syntax_issue(issue)
    if not tree.whole:
        return LoadedWorkflow(None, tuple(problems.items), text)
    if tree.root is None and problems.items:  # everything in it was broken and cut out
        return LoadedWorkflow(None, tuple(problems.items), text)
    if tree.root is None:
        what = "the file is empty, or has only comments"
        nothing = Problem(codes.FILE_UNREADABLE, what, Place(str(path), 1, 1), "add `tasks:`")
        return LoadedWorkflow(None, (nothing,), text)
    workflow = reader.read(tree.root, recovered.keys, recovered.ids)
    graph = inner = None
    if workflow is not None:
        deadline.check()

        def context_of(checked: Workflow) -> Context:
            broken = frozenset(reader.broken_sections)
            return Context(checked, catalog, limits, options.environ, options.project.settings, broken, deadline.check)

        if options.is_inner and workflow.inputs is None:
            workflow = replace(workflow, inputs={})
        workflow = WorkflowCalls(options.calls, reader, limits, recovered.keys, context_of).of_document(workflow)
        whole = all(problem.severity is not Severity.ERROR for problem in problems.items)
        context = context_of(workflow)
        for problem in check_workflow(context, whole=whole):
            problems.add_problem(problem)
            if Severity.ERROR in problems.left_out:
                break
        else:
            graph = context.graph
        if options.is_inner:
            broken = any(problem.severity is Severity.ERROR for problem in problems.items)
            inner = inner_workflow(context, broken=broken)
    sorted_problems = problems.sorted(str(path))
    valid = not any(problem.severity is Severity.ERROR for problem in sorted_problems)
    tasks, flows = (_length(tree.root, key) for key in ("tasks", "flows"))
    checked = workflow if valid else None
    return LoadedWorkflow(
        checked, tuple(sorted_problems), text, tasks, flows, readable=workflow, graph=graph, inner=inner
    )


def _length(root: object, key: str) -> int:
    items = root.get(key) if isinstance(root, dict) else None
    return len(items) if isinstance(items, list) else 0


@contextmanager
def _gc_paused() -> Iterator[None]:
    """Pause the garbage collector: all that is built here stays, and it would walk it again and again."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
