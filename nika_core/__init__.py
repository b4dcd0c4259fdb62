"""Nika in a program: run, check and plan workflows, and look at recorded runs.

    import nika_core as nika

    result = nika.run("hello.nika.yaml", inputs={"name": "Ada"})
    print(result.output)

Nothing here prints, handles a signal or changes the process (except for `start` with `owns_process`): several runs may
go on in one event loop. What is invalid or refused raises a `NikaError` with a `code`; a task that fails is part of the
result. Everything that is named in `__all__` is public and under semantic versioning; it is loaded when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nika_core.api import backends, runs
    from nika_core.api.checking import aplan, load, plan, prepare, validate
    from nika_core.api.completers import (
        complete_codes,
        complete_inputs,
        complete_project_templates,
        complete_providers,
        complete_runs,
        complete_runs_and_tasks,
        complete_tasks,
        complete_tasks_of_run,
    )
    from nika_core.api.options import PlanOptions, ResumeOptions, StartOptions, WorkspaceOptions
    from nika_core.api.plugins import (
        PLUGIN_KINDS,
        check_plugins,
        describe_plugin,
        lock_plugins,
        new_plugin,
        plugins,
        unmatched_plugins,
    )
    from nika_core.api.project import (
        check_providers,
        explain,
        init,
        limits,
        limits_left,
        list_models,
        project_schema,
        providers,
        read_env_file,
        read_inputs,
        schema,
        version,
    )
    from nika_core.api.running import EventStream, aresume, arun, resume, run, start, stream
    from nika_core.api.runs import answer, questions, signal
    from nika_core.api.testing import SuiteReport, TestSuite, load_tests, test
    from nika_core.api.trusting import decline_trust, forget_trust, trust, trust_decisions, trust_status
    from nika_core.app.cases.checking import Unmet
    from nika_core.app.cases.running import CaseResult, UpdateForecast
    from nika_core.app.execution import Execution, carry_out
    from nika_core.app.following import FollowedRun
    from nika_core.app.json_forms import to_json
    from nika_core.app.prepared_run import PreparedRun
    from nika_core.app.recording.recording import Recording
    from nika_core.app.results import (
        Difference,
        FolderTrust,
        FollowedPart,
        HealthStatus,
        ModelStatus,
        Plan,
        PlannedTask,
        ProviderStatus,
        RecordedRun,
        RecordedTask,
        SecretStatus,
        SentSignal,
        TaskPayload,
        TaskReason,
        Transcript,
        Turn,
    )
    from nika_core.app.single_start import AlreadyRunningError
    from nika_core.app.trust import TrustDecision
    from nika_core.app.workspace import Workspace
    from nika_core.document import LoadedWorkflow
    from nika_core.document.diagnostics import render_compact, render_pretty
    from nika_core.engine.local.event_loop import run_to_end
    from nika_core.errors import (
        Category,
        JournalError,
        NikaError,
        Place,
        PluginError,
        Problem,
        ProblemsError,
        RefusedError,
        Severity,
        TaskError,
        UsageError,
    )
    from nika_core.model.cases import Expectation, WorkflowCase
    from nika_core.model.events import Event, EventKind
    from nika_core.model.limits import Limit
    from nika_core.model.question import OpenQuestion, Question
    from nika_core.model.state import Failure, RunResult, RunStatus, SkipReason, TaskResult
    from nika_core.model.usage import Usage
    from nika_core.registry import PluginStatus
    from nika_core.registry.scan import DISTRIBUTION

# By module, the names that are loaded from it.
_PUBLIC: Final = {
    "api.checking": ("aplan", "load", "plan", "prepare", "validate"),
    "api.completers": (
        "complete_codes",
        "complete_inputs",
        "complete_project_templates",
        "complete_providers",
        "complete_runs",
        "complete_runs_and_tasks",
        "complete_tasks",
        "complete_tasks_of_run",
    ),
    "api.options": ("PlanOptions", "ResumeOptions", "StartOptions", "WorkspaceOptions"),
    "api.plugins": (
        *("PLUGIN_KINDS", "check_plugins", "describe_plugin", "lock_plugins", "new_plugin", "plugins"),
        "unmatched_plugins",
    ),
    "api.project": (
        "check_providers",
        "explain",
        "init",
        "limits",
        "limits_left",
        "list_models",
        "project_schema",
        "providers",
        "read_env_file",
        "read_inputs",
        "schema",
        "version",
    ),
    "api.running": ("EventStream", "aresume", "arun", "resume", "run", "start", "stream"),
    "api.testing": ("SuiteReport", "TestSuite", "load_tests", "test"),
    "app.cases.checking": ("Unmet",),
    "app.cases.running": ("CaseResult", "UpdateForecast"),
    "model.cases": ("WorkflowCase", "Expectation"),
    "api.runs": ("answer", "questions", "signal"),
    "api.trusting": ("decline_trust", "forget_trust", "trust", "trust_decisions", "trust_status"),
    "app.execution": ("Execution", "carry_out"),
    "app.following": ("FollowedRun",),
    "app.json_forms": ("to_json",),
    "app.prepared_run": ("PreparedRun",),
    "app.recording.recording": ("Recording",),
    "app.results": (
        *("HealthStatus", "ModelStatus", "Plan", "PlannedTask", "ProviderStatus", "RecordedRun", "RecordedTask"),
        *("Difference", "TaskReason", "Transcript", "FolderTrust", "FollowedPart", "SecretStatus", "SentSignal"),
        *("TaskPayload", "Turn"),
    ),
    "app.single_start": ("AlreadyRunningError",),
    "app.trust": ("TrustDecision",),
    "app.workspace": ("Workspace",),
    "document": ("LoadedWorkflow",),
    "document.diagnostics": ("render_compact", "render_pretty"),
    "engine.local.event_loop": ("run_to_end",),
    "errors": (
        *("Category", "JournalError", "NikaError", "Place", "PluginError", "Problem", "ProblemsError", "RefusedError"),
        *("Severity", "TaskError", "UsageError"),
    ),
    "model.events": ("Event", "EventKind"),
    "model.limits": ("Limit",),
    "model.question": ("OpenQuestion", "Question"),
    "model.state": ("Failure", "RunResult", "RunStatus", "SkipReason", "TaskResult"),
    "model.usage": ("Usage",),
    "registry": ("PluginStatus",),
    "registry.scan": ("DISTRIBUTION",),
}
_MODULES: Final = {name: module for module, names in _PUBLIC.items() for name in names} | {
    "runs": "api.runs",
    "backends": "api.backends",
}

__all__ = [
    "DISTRIBUTION",
    "PLUGIN_KINDS",
    "AlreadyRunningError",
    "CaseResult",
    "Category",
    "Difference",
    "Event",
    "EventKind",
    "EventStream",
    "Execution",
    "Expectation",
    "Failure",
    "FolderTrust",
    "FollowedPart",
    "FollowedRun",
    "HealthStatus",
    "JournalError",
    "Limit",
    "LoadedWorkflow",
    "ModelStatus",
    "NikaError",
    "OpenQuestion",
    "Place",
    "Plan",
    "PlanOptions",
    "PlannedTask",
    "PluginError",
    "PluginStatus",
    "PreparedRun",
    "Problem",
    "ProblemsError",
    "ProviderStatus",
    "Question",
    "RecordedRun",
    "RecordedTask",
    "Recording",
    "RefusedError",
    "ResumeOptions",
    "RunResult",
    "RunStatus",
    "SecretStatus",
    "SentSignal",
    "Severity",
    "SkipReason",
    "StartOptions",
    "SuiteReport",
    "TaskError",
    "TaskPayload",
    "TaskReason",
    "TaskResult",
    "TestSuite",
    "Transcript",
    "TrustDecision",
    "Turn",
    "Unmet",
    "UpdateForecast",
    "Usage",
    "UsageError",
    "WorkflowCase",
    "Workspace",
    "WorkspaceOptions",
    "answer",
    "aplan",
    "aresume",
    "arun",
    "backends",
    "carry_out",
    "check_plugins",
    "check_providers",
    "complete_codes",
    "complete_inputs",
    "complete_project_templates",
    "complete_providers",
    "complete_runs",
    "complete_runs_and_tasks",
    "complete_tasks",
    "complete_tasks_of_run",
    "decline_trust",
    "describe_plugin",
    "explain",
    "forget_trust",
    "init",
    "limits",
    "limits_left",
    "list_models",
    "load",
    "load_tests",
    "lock_plugins",
    "new_plugin",
    "plan",
    "plugins",
    "prepare",
    "project_schema",
    "providers",
    "questions",
    "read_env_file",
    "read_inputs",
    "render_compact",
    "render_pretty",
    "resume",
    "run",
    "run_to_end",
    "runs",
    "schema",
    "signal",
    "start",
    "stream",
    "test",
    "to_json",
    "trust",
    "trust_decisions",
    "trust_status",
    "unmatched_plugins",
    "validate",
    "version",
]


if not TYPE_CHECKING:  # a type checker that sees it takes every misspelt name for right

    def __getattr__(name: str) -> object:
        module = _MODULES.get(name)
        if module is None:
            raise AttributeError(f"module 'nika_core' has no attribute {name!r}")
        loaded = importlib.import_module(f"nika_core.{module}")
        value = globals()[name] = loaded if name in ("runs", "backends") else getattr(loaded, name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
