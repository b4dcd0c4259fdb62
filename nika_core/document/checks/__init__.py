"""Checks of a workflow after its document has been read, and before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from nika_core.document.checks.cached import check_cached
from nika_core.document.checks.check_context import Context, depends_on, is_optional
from nika_core.document.checks.cleanup import check_cleanup
from nika_core.document.checks.conditions import check_conditions
from nika_core.document.checks.flow_conditions import check_flow_conditions
from nika_core.document.checks.groups import check_groups
from nika_core.document.checks.known_values import check_values
from nika_core.document.checks.late_values import check_late_values
from nika_core.document.checks.payload_checks import check_payloads, check_unread
from nika_core.document.checks.references import check_references
from nika_core.document.checks.retry_limits import check_attempts
from nika_core.document.checks.task_payloads import CheckedPayload, TaskPayloads
from nika_core.document.checks.tool_access import check_tools
from nika_core.document.checks.tool_entries import WorkflowPayload
from nika_core.document.checks.topology import (
    check_cycles,
    check_flows,
    check_orphans,
    check_output,
    check_outputs,
)
from nika_core.document.plugin_catalog import PluginCatalog
from nika_core.errors import Problem, Severity
from nika_core.model.graph import Graph, build_graph
from nika_core.model.workflow import Workflow

__all__ = ["CheckedPayload", "Context", "TaskPayloads", "WorkflowPayload", "check_values", "check_workflow", "graph_of"]

_CHECKS = (
    check_tools,
    check_flows,
    check_conditions,
    check_flow_conditions,
    check_references,
    check_late_values,
    check_cycles,
    check_output,
    check_outputs,
    check_groups,
    check_cleanup,
    check_cached,
    check_payloads,
    check_attempts,
)


def check_workflow(context: Context, *, whole: bool = True) -> Iterator[Problem]:
    """Yield errors and warnings as they are found. Nothing runs, and nothing but files is read.

    Args:
        whole: whether the document could be read without errors. If not, or where references or flows are wrong, a
            task that seems to be an orphan may be none.
    """
    for check in _CHECKS:
        for problem in check(context):
            whole = whole and problem.severity is not Severity.ERROR
            yield problem
    if whole:
        yield from check_unread(context)
        yield from check_orphans(context)


def graph_of(workflow: Workflow, catalog: PluginCatalog) -> Graph:
    """Return the graph of flows and templates. A placeholder whose source is not available makes no edge."""
    return build_graph(workflow.tasks, workflow.flows, partial(depends_on, catalog), partial(is_optional, catalog))
