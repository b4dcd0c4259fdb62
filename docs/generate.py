"""Writes docs/reference, llms.txt and the index of examples: `python docs/generate.py`, or `--check`."""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import indexes
from docstrings import cell, described, module_text, signature

HERE = Path(__file__).parent
NOTICE = "<!-- Written by docs/generate.py. Do not edit. -->\n"


def main() -> int:
    """Write what would change, or tell of it. Gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page would change")
    check = parser.parse_args().check
    stale = []
    for name, make in PAGES.items():
        path, text = HERE.parent / name, make()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in stale:
        sys.stdout.write(f"{'differs' if check else 'written'}: {name}\n")
    return int(check and bool(stale))


KINDS = {
    "Keywords": (
        "nika_task_keywords",
        "keyword",
        "keywords.md",
        (
            *("Keyword", "Step", "StepContext", "StepOutput", "Facets", "Payload", "Report", "Effect", "Estimate"),
            *("CallEstimate", "WorkflowCall", "Tool", "RuleField", "ToolResult", "WaitFor", "Question", "Declined"),
            "Explanation",
        ),
    ),
    "Providers": (
        "nika_providers",
        "provider",
        "providers.md",
        (
            *(
                "Provider",
                "Client",
                "ModelInfo",
                "FileAbility",
                "FileTotals",
                "Price",
                "ModelRequest",
                "TextDelta",
                "Finished",
                "ModelReply",
            ),
            *(
                "TokenEstimate",
                "Health",
                "BatchReply",
                "BatchResult",
                "BatchClient",
                "BatchFinder",
                "PriceLister",
                "EnvironmentChecker",
                "RateState",
                "RateLimit",
                "BatchSearch",
                "BatchTrace",
                "estimate_tokens",
            ),
        ),
    ),
    "Template sources": (
        "nika_template_sources",
        "template_source",
        "template-sources.md",
        ("TemplateSource", "Source", "TypedSource", "LateSource", "SourceReport", "Scope", "Values"),
    ),
    "Limit policies": (
        "nika_limit_policies",
        "limit_policy",
        "limit-policies.md",
        ("LimitPolicy", "Policy", "Admission", "Stage", "Refusal", "Spending"),
    ),
    "Commands": (
        "nika_commands",
        "command",
        "commands.md",
        ("Command", "CommandContext", "Terminal", "Styled"),
    ),
    "Notifiers": (
        "nika_notifiers",
        "notifier",
        "notifiers.md",
        ("NotifierDescription", "Notifier", "NotifierSetup", "QuestionNotice"),
    ),
    "Secret sources": (
        "nika_secret_sources",
        "secret_source",
        "secret-sources.md",
        ("SecretSourceDescription", "SecretSource", "SecretSourceSetup"),
    ),
    "Observers": (
        "nika_observers",
        "observer",
        "observers.md",
        ("ObserverDescription", "Observer", "ObserverSetup", "TraceContext"),
    ),
    "Backends": (
        "nika_backends",
        "backend",
        "backends.md",
        (
            *("BackendDescription", "Backend", "BackendSetup", "BackendKernel", "Submission", "RunUpdate"),
            *("BackendRun", "WorkerOptions", "RunDriver", "DriverAction", "StartWork", "StopWork", "SetTimer"),
            *("ClearTimer", "EndRun", "TaskRunner", "WorkEnd"),
        ),
    ),
    "Project templates": (
        "nika_project_templates",
        "project_template",
        "project-templates.md",
        ("ProjectTemplate", "read_project_files"),
    ),
}

FILES = (
    "named_file",
    "require_own",
    "read_file",
    "read_text",
    "read_json",
    "text_of",
    "json_of",
    "open_file",
    "is_folder",
    "FileError",
)
VALUES = [
    *("TaskError", "Category", "TemplateValueError", "UsageError", "ProblemsError", "NikaError", "Place", "Severity"),
    *("Message", "Role", "TextPart", "ImagePart", "DocumentPart", "ToolCall", "ToolResultPart", "ReasoningPart"),
    *("ToolSpec", "Usage"),
    *(
        "Template",
        "Placeholder",
        "AgentBlock",
        "OutputSpec",
        "KeywordCategory",
        "Binding",
        "InputSpec",
        "Task",
        "Workflow",
    ),
    *("Graph", "Edge", "EdgeKind"),
    *("Limit", "LimitKind", "Unit", "timeout_of", "output_of", "Event", "EventKind", "Clock"),
    *("input_spec", "check_answer", "answer_text", "AnswerError"),
    *(
        "read_path",
        "schema_at",
        "schema_of_tree",
        "why_not_there",
        "NotThere",
        "nearest",
        "bound",
        "shorten",
        "shorten_start",
        "import_in_thread",
    ),
]

FACE = {
    "Run": (
        *("run", "arun", "stream", "EventStream", "resume", "aresume", "signal", "SentSignal"),
        *("questions", "answer", "OpenQuestion", "Question"),
    ),
    "Look at a workflow": ("validate", "plan", "aplan", "to_json"),
    "Options": ("StartOptions", "PlanOptions", "ResumeOptions", "WorkspaceOptions"),
    "Results": (
        *("RunResult", "TaskResult", "RunStatus", "SkipReason", "Failure", "Usage", "Event", "EventKind"),
        *("LoadedWorkflow", "Plan", "PlannedTask", "RecordedRun", "RecordedTask", "Recording"),
        *("Transcript", "Turn", "FollowedRun", "FollowedPart", "TaskReason", "Difference"),
        "TaskPayload",
    ),
    "Test a workflow": (
        *("test", "load_tests", "TestSuite", "SuiteReport", "CaseResult", "WorkflowCase", "Expectation", "Unmet"),
        "UpdateForecast",
    ),
    "Errors": (
        *("NikaError", "ProblemsError", "UsageError", "PluginError", "RefusedError", "JournalError", "TaskError"),
        "AlreadyRunningError",
        *("Problem", "Place", "Severity", "Category"),
    ),
    "Trust": (
        *("trust_status", "trust", "decline_trust", "forget_trust", "trust_decisions", "FolderTrust", "TrustDecision"),
    ),
    "A project": (
        *(
            "providers",
            "check_providers",
            "list_models",
            "limits",
            "limits_left",
            *("schema", "project_schema"),
            "explain",
            "read_inputs",
            "read_env_file",
            "init",
            "version",
        ),
        *("ProviderStatus", "SecretStatus", "ModelStatus", "HealthStatus", "Limit"),
    ),
    "Plugins": (
        *("plugins", "unmatched_plugins", "describe_plugin", "check_plugins", "lock_plugins", "new_plugin"),
        "PluginStatus",
    ),
    "For commands": (
        *("Workspace", "load", "prepare", "start", "carry_out", "run_to_end", "PreparedRun", "Execution"),
        *("render_pretty", "render_compact"),
    ),
    "What the shell completes": (
        *("complete_runs", "complete_tasks_of_run", "complete_runs_and_tasks", "complete_tasks", "complete_inputs"),
        *("complete_codes", "complete_providers", "complete_project_templates"),
    ),
}


def python_api() -> str:
    """Return what `import nika_core` offers."""
    lines = [NOTICE, "# Nika in a program\n", module_text("nika_core")]
    lines.append("How to use it: [Nika in your program](../guide/python.md).\n")
    for title, names in FACE.items():
        lines.append(f"## {title}\n")
        if title == "For commands":
            lines.append(
                "What stands between the functions above: for programs that show a run as it goes on, and for plugins "
                "that bring commands.\n"
            )
        if title == "What the shell completes":
            lines.append(f"{module_text('nika_core.api.completers')}\n")
        lines.extend(described("nika_core", names))
    lines.append("## The history of runs\n")
    lines.extend(described("nika_core.api.runs", ("list", "get", "remove", "path")))
    lines.append("## Runs on a backend\n")
    names = (
        "connect",
        "submission",
        "event",
        "as_recorded",
        "result",
        "paused",
        "questions_in",
        "answer_to",
        "prepared",
    )
    names = (*names, "keywords")
    lines.extend(described("nika_core.api.backends", names))
    return _page(lines)


def plugin_api() -> str:
    """Hooks, descriptions and protocols."""
    from nika_core.plugin import hookspec

    lines = [NOTICE, "# The plugin interface\n", module_text("nika_core.plugin")]
    lines.append(
        "Everything on this page is imported from `nika_core.plugin`, and the validators of [Fields](#fields) from its "
        "module `fields`. What is not on it, or on [Toolboxes](toolboxes.md) and [Testing](testing.md), is "
        "not public and may change at any time.\n"
    )
    for title, (hook, kind, page, names) in KINDS.items():
        lines.append(f"## {title}\n")
        lines.append(f"How to write one: [{title.lower()}](../plugins/{page}).\n")
        lines.append(f"### The hook `{hook}`\n")
        lines.append(f"```python\n@hookimpl\ndef {signature(getattr(hookspec, hook), hook)}: ...\n```\n")
        lines.append(f"{inspect.getdoc(getattr(hookspec, hook))}\n")
        lines.append(f"An example, as `nika plugins new --kind {kind} sample` makes it:\n")
        lines.append(f"```python\n{_example(kind)}```\n")
        lines.extend(described("nika_core.plugin", names))
    lines.append("## Fields\n")
    lines.append(module_text("nika_core.plugin.fields"))
    lines.extend(described("nika_core.plugin.fields", importlib.import_module("nika_core.plugin.fields").__all__))
    lines.append("## Files\n")
    lines.append(
        "Files that a user, a workflow or a folder names are opened by these functions only: a pipe or a device never "
        "blocks them, and no more is read than a bound allows.\n"
    )
    lines.extend(described("nika_core.plugin", FILES))
    lines.append("## Values\n")
    lines.append("What the interface is made of. All of them are immutable.\n")
    lines.extend(described("nika_core.plugin", VALUES))
    return _page(lines)


def _example(kind: str) -> str:
    from nika_core.scaffold import NewPlugin
    from nika_core.scaffold.plugin_template import rendered_file

    return rendered_file(NewPlugin(kind=kind, word="sample"), "plugin.py")


def toolboxes() -> str:
    """Return what plugins may use."""
    lines = [NOTICE, "# Toolboxes\n", "What plugins may use beside the interface. Each is public as a whole.\n"]
    for name in ("process", "agent", "network", "serving", "providers", "templates"):
        module = f"nika_core.toolbox.{name}"
        lines.append(f"## `{module}`\n")
        lines.append(module_text(module))
        lines.extend(described(module, importlib.import_module(module).__all__))
    return _page(lines)


def testing() -> str:
    """What tests of plugins may use."""
    import nika_core.testing as kit

    lines = [NOTICE, "# Testing\n", module_text("nika_core.testing")]
    kits = [name for name in kit.__all__ if name.endswith("Conformance")]
    lines.append("## The conformance kits\n")
    lines.extend(described("nika_core.testing", kits))
    lines.append("## Workflows, models and contexts in a test\n")
    lines.extend(described("nika_core.testing", [name for name in kit.__all__ if name not in kits]))
    return _page(lines)


def errors() -> str:
    """Every code."""
    from nika_core.explanations import EXPLANATIONS

    lines = [NOTICE, "# Codes\n", "What `nika explain CODE` prints, for all codes.\n"]
    for code in sorted(EXPLANATIONS):
        each = EXPLANATIONS[code]
        lines.append(f"## {code}: {each.title}\n\n{each.meaning}\n")
        lines.append(f"```console\n{each.example.rstrip()}\n```\n\nFix: {each.fix}\n")
    return _page(lines)


def limits() -> str:
    """Every limit of the built-in policy."""
    from nika_core.app.workspace import Workspace

    lines = [
        NOTICE,
        "# Limits\n",
        "What `nika limits` prints where no variable is set. The smallest bound of all installed",
    ]
    lines.append("limit policies holds. `timeout.WORD` is one attempt of a task with that keyword.\n")
    lines.append("| variable | default | purpose | measure |\n|---|---|---|---|")
    lines.extend(
        f"| `{limit.name}` | {_amount(limit.value, limit.unit.value)} | {limit.told_purpose()} | `{limit.measure}` |"
        for limit in Workspace.open(HERE, environ={}).all_limits()
    )
    lines.append("\nFor a keyword of your own, `NIKA_<WORD>_TIMEOUT` and `NIKA_MAX_<WORD>` (its output) mean the same.")
    return _page(lines)


def _amount(value: float, unit: str) -> str:
    if unit == "bytes":
        size, name = next((size, name) for size, name in ((2**20, "MB"), (2**10, "KB"), (1, "bytes")) if value >= size)
        return f"{value / size:g} {name}"
    return f"{value:g}" + {"seconds": " s", "usd": " US dollars"}.get(unit, "")


def cli() -> str:
    """Every command with its arguments and options."""
    import typer.main

    from nika_core.cli.program import app

    group = typer.main.get_command(app)
    lines = [NOTICE, "# The command line\n", "`nika COMMAND --help` says the same.\n"]
    context: Any = group.make_context("nika", [], resilient_parsing=True)
    for name in group.list_commands(context):  # type: ignore[attr-defined]  # a group
        command: Any = group.get_command(context, name)  # type: ignore[attr-defined]  # a group
        inside = getattr(command, "commands", None)
        if inside is None:
            lines.extend(_command(f"nika {name}", command))
        else:
            lines.append(f"## nika {name}\n\n{command.help}\n")
            for sub in command.list_commands(context):  # those of plugins, too
                lines.extend(_command(f"nika {name} {sub}", command.get_command(context, sub), "###"))
    return _page(lines)


def _command(name: str, command: Any, level: str = "##") -> Iterator[str]:
    yield f"{level} {name}\n"
    yield f"{(command.help or '').strip()}\n"
    rows = []
    for parameter in command.params:
        if parameter.name == "help":
            continue
        if parameter.param_type_name == "argument":
            shown = parameter.metavar or parameter.name.upper()
        else:
            shown = ", ".join([*parameter.opts, *parameter.secondary_opts])
        choices = getattr(parameter.type, "choices", None)
        values = f" One of: {', '.join(str(getattr(each, 'value', each)) for each in choices)}." if choices else ""
        rows.append(f"| `{shown}` | {cell((getattr(parameter, 'help', None) or '') + values)} |")
    if rows:
        yield "| argument or option | meaning |\n|---|---|\n" + "\n".join(rows) + "\n"


def _page(lines: Iterable[str]) -> str:
    fenced = re.split(r"(^```.*?^```$)", "\n".join(lines), flags=re.MULTILINE | re.DOTALL)
    outside = (text if index % 2 else re.sub(r"\n{3,}", "\n\n", text) for index, text in enumerate(fenced))
    return "".join(outside).strip() + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/python-api.md": python_api,
    "docs/reference/plugin-api.md": plugin_api,
    "docs/reference/toolboxes.md": toolboxes,
    "docs/reference/testing.md": testing,
    "docs/reference/codes.md": errors,
    "docs/reference/limits.md": limits,
    "docs/reference/cli.md": cli,
    "examples/README.md": lambda: _page([NOTICE, indexes.examples()]),
    "docs/llms.txt": lambda: _page([indexes.llms()]),
}

if __name__ == "__main__":
    sys.exit(main())
