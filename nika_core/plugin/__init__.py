"""All that a plugin's author imports: `from nika_core.plugin import ...` is the only line that a plugin needs.

A plugin is a module with functions that `hookimpl` marks, named by an entry point in one of the groups `nika.keywords`,
`nika.providers`, `nika.template_sources`, `nika.limit_policies`, `nika.commands`, `nika.notifiers`,
`nika.secret_sources`, `nika.observers`, `nika.backends` and `nika.project_templates`. The entry point's name is the
word that a user writes. The module says which version of this interface it was written for: `NIKA_API = 1`. The version
that is installed is `API_VERSION`. Validators of payloads are in the module `fields`, and the names of Nika's codes in
the module `codes`.
What a client streams is a `Chunk`: a `TextDelta`, a `ClientNotice` or, at the end, `Finished`.
Values of JSON are of the types `Json` and `JsonObject`; a field of a payload is a `PayloadValue`, which is JSON with
templates in it. A `Placeholder` without a default has `MISSING` as its default.
What a `Message` consists of is a `Part`: any class whose name ends so, or a `ToolCall`.
What the driver of a run asks of a backend is a `DriverAction`.
A source depends on `ALL_TASKS` if its value is known only when all tasks but cleanup have ended.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from nika_core import codes
from nika_core.errors import (
    Category,
    NikaError,
    Place,
    ProblemsError,
    Severity,
    TaskError,
    TemplateValueError,
    UsageError,
)
from nika_core.model.json import Json, JsonObject
from nika_core.model.template import MISSING, Placeholder, Template
from nika_core.model.usage import Usage
from nika_core.model.workflow import (
    AgentBlock,
    Binding,
    InputSpec,
    KeywordCategory,
    OutputSpec,
    PayloadValue,
    Task,
    Workflow,
)
from nika_core.plugin import fields
from nika_core.plugin.explanation import Explanation
from nika_core.plugin.facets import CallEstimate, Effect, Estimate, Facets, Payload, Report, WorkflowCall
from nika_core.plugin.hookspec import hookimpl
from nika_core.plugin.keyword import Keyword
from nika_core.plugin.step import Declined, Step, StepContext, StepOutput, WaitFor

if TYPE_CHECKING:
    from nika_core.model.bounded import bound, shorten, shorten_start
    from nika_core.model.clock import Clock
    from nika_core.model.events import Event, EventKind
    from nika_core.model.files import FileError, is_folder, json_of, open_file, read_file, read_json, read_text, text_of
    from nika_core.model.graph import ALL_TASKS, Edge, EdgeKind, Graph
    from nika_core.model.importing import import_in_thread
    from nika_core.model.input_values import input_spec
    from nika_core.model.limits import Limit, LimitKind, Unit, output_of, timeout_of
    from nika_core.model.message import (
        DocumentPart,
        ImagePart,
        Message,
        Part,
        ReasoningPart,
        Role,
        TextPart,
        ToolCall,
        ToolResultPart,
        ToolSpec,
    )
    from nika_core.model.named_files import named_file, require_own
    from nika_core.model.nearest import nearest
    from nika_core.model.path import read_path
    from nika_core.model.question import AnswerError, Question, answer_text, check_answer
    from nika_core.model.schema_paths import NotThere, schema_at, why_not_there
    from nika_core.model.trace_context import TraceContext
    from nika_core.model.tree_schema import schema_of_tree
    from nika_core.plugin.backend import (
        Backend,
        BackendDescription,
        BackendKernel,
        BackendRun,
        BackendSetup,
        ClearTimer,
        DriverAction,
        EndRun,
        RunDriver,
        RunUpdate,
        SetTimer,
        StartWork,
        StopWork,
        Submission,
        TaskRunner,
        WorkEnd,
        WorkerOptions,
    )
    from nika_core.plugin.client_extras import (
        BatchClient,
        BatchFinder,
        BatchReply,
        BatchResult,
        BatchSearch,
        BatchTrace,
        EnvironmentChecker,
        PriceLister,
    )
    from nika_core.plugin.command import Command, CommandContext, Styled, Terminal
    from nika_core.plugin.limit_policy import Admission, LimitPolicy, Policy, Refusal, Spending, Stage
    from nika_core.plugin.notifier import Notifier, NotifierDescription, NotifierSetup, QuestionNotice
    from nika_core.plugin.observer import Observer, ObserverDescription, ObserverSetup
    from nika_core.plugin.project_template import ProjectTemplate, read_project_files
    from nika_core.plugin.provider import (
        Chunk,
        Client,
        ClientNotice,
        FileAbility,
        FileTotals,
        Finished,
        Health,
        ModelInfo,
        ModelReply,
        ModelRequest,
        Price,
        Provider,
        RateLimit,
        RateState,
        TextDelta,
        TokenEstimate,
    )
    from nika_core.plugin.secret_source import SecretSource, SecretSourceDescription, SecretSourceSetup
    from nika_core.plugin.template_source import (
        LateSource,
        Scope,
        Source,
        SourceReport,
        TemplateSource,
        TypedSource,
        Values,
    )
    from nika_core.plugin.token_estimate import estimate_tokens
    from nika_core.plugin.tool import RuleField, Tool, ToolResult

API_VERSION: Final = 1
# What a keyword's description does not need is imported when it is first asked for.
_LAZY: Final = {
    "nika_core.model.graph": ("ALL_TASKS", "Edge", "EdgeKind", "Graph"),
    "nika_core.plugin.backend": (
        *("Backend", "BackendDescription", "BackendKernel", "BackendRun", "BackendSetup", "ClearTimer", "DriverAction"),
        *(
            "EndRun",
            "RunDriver",
            "RunUpdate",
            "SetTimer",
            "StartWork",
            "StopWork",
            "Submission",
            "TaskRunner",
            "WorkEnd",
        ),
        "WorkerOptions",
    ),
    "nika_core.plugin.client_extras": (
        *("BatchClient", "BatchFinder", "BatchReply", "BatchResult", "BatchSearch", "BatchTrace"),
        *("EnvironmentChecker", "PriceLister"),
    ),
    "nika_core.plugin.command": ("Command", "CommandContext", "Styled", "Terminal"),
    "nika_core.model.clock": ("Clock",),
    "nika_core.model.events": ("Event", "EventKind"),
    "nika_core.model.trace_context": ("TraceContext",),
    "nika_core.model.limits": ("Limit", "LimitKind", "Unit", "output_of", "timeout_of"),
    "nika_core.model.message": (
        "DocumentPart",
        "ImagePart",
        "Message",
        "Part",
        "ReasoningPart",
        "Role",
        "TextPart",
        "ToolCall",
        "ToolResultPart",
        "ToolSpec",
    ),
    "nika_core.plugin.limit_policy": ("Admission", "LimitPolicy", "Policy", "Refusal", "Spending", "Stage"),
    "nika_core.plugin.notifier": ("Notifier", "NotifierDescription", "NotifierSetup", "QuestionNotice"),
    "nika_core.plugin.observer": ("Observer", "ObserverDescription", "ObserverSetup"),
    "nika_core.plugin.provider": (
        "Chunk",
        "Client",
        "FileAbility",
        "FileTotals",
        "Finished",
        "Health",
        "ModelInfo",
        "ModelReply",
        "ModelRequest",
        "ClientNotice",
        "Price",
        "Provider",
        "RateLimit",
        "RateState",
        "TextDelta",
        "TokenEstimate",
    ),
    "nika_core.plugin.token_estimate": ("estimate_tokens",),
    "nika_core.plugin.project_template": ("ProjectTemplate", "read_project_files"),
    "nika_core.plugin.secret_source": ("SecretSource", "SecretSourceDescription", "SecretSourceSetup"),
    "nika_core.plugin.template_source": (
        "LateSource",
        "Scope",
        "Source",
        "SourceReport",
        "TemplateSource",
        "TypedSource",
        "Values",
    ),
    "nika_core.plugin.tool": ("RuleField", "Tool", "ToolResult"),
    "nika_core.model.bounded": ("bound", "shorten", "shorten_start"),
    "nika_core.model.files": (
        "FileError",
        "is_folder",
        "json_of",
        "open_file",
        "read_file",
        "read_json",
        "read_text",
        "text_of",
    ),
    "nika_core.model.named_files": ("named_file", "require_own"),
    "nika_core.model.importing": ("import_in_thread",),
    "nika_core.model.input_values": ("input_spec",),
    "nika_core.model.nearest": ("nearest",),
    "nika_core.model.question": ("AnswerError", "Question", "answer_text", "check_answer"),
    "nika_core.model.path": ("read_path",),
    "nika_core.model.schema_paths": ("NotThere", "schema_at", "why_not_there"),
    "nika_core.model.tree_schema": ("schema_of_tree",),
}
_MODULE_OF: Final = {name: module for module, names in _LAZY.items() for name in names}

__all__ = [
    "ALL_TASKS",
    "API_VERSION",
    "MISSING",
    "Admission",
    "AgentBlock",
    "AnswerError",
    "Backend",
    "BackendDescription",
    "BackendKernel",
    "BackendRun",
    "BackendSetup",
    "BatchClient",
    "BatchFinder",
    "BatchReply",
    "BatchResult",
    "BatchSearch",
    "BatchTrace",
    "Binding",
    "CallEstimate",
    "Category",
    "Chunk",
    "ClearTimer",
    "Client",
    "ClientNotice",
    "Clock",
    "Command",
    "CommandContext",
    "Declined",
    "DocumentPart",
    "DriverAction",
    "Edge",
    "EdgeKind",
    "Effect",
    "EndRun",
    "EnvironmentChecker",
    "Estimate",
    "Event",
    "EventKind",
    "Explanation",
    "Facets",
    "FileAbility",
    "FileError",
    "FileTotals",
    "Finished",
    "Graph",
    "Health",
    "ImagePart",
    "InputSpec",
    "Json",
    "JsonObject",
    "Keyword",
    "KeywordCategory",
    "LateSource",
    "Limit",
    "LimitKind",
    "LimitPolicy",
    "Message",
    "ModelInfo",
    "ModelReply",
    "ModelRequest",
    "NikaError",
    "NotThere",
    "Notifier",
    "NotifierDescription",
    "NotifierSetup",
    "Observer",
    "ObserverDescription",
    "ObserverSetup",
    "OutputSpec",
    "Part",
    "Payload",
    "PayloadValue",
    "Place",
    "Placeholder",
    "Policy",
    "Price",
    "PriceLister",
    "ProblemsError",
    "ProjectTemplate",
    "Provider",
    "Question",
    "QuestionNotice",
    "RateLimit",
    "RateState",
    "ReasoningPart",
    "Refusal",
    "Report",
    "Role",
    "RuleField",
    "RunDriver",
    "RunUpdate",
    "Scope",
    "SecretSource",
    "SecretSourceDescription",
    "SecretSourceSetup",
    "SetTimer",
    "Severity",
    "Source",
    "SourceReport",
    "Spending",
    "Stage",
    "StartWork",
    "Step",
    "StepContext",
    "StepOutput",
    "StopWork",
    "Styled",
    "Submission",
    "Task",
    "TaskError",
    "TaskRunner",
    "Template",
    "TemplateSource",
    "TemplateValueError",
    "Terminal",
    "TextDelta",
    "TextPart",
    "TokenEstimate",
    "Tool",
    "ToolCall",
    "ToolResult",
    "ToolResultPart",
    "ToolSpec",
    "TraceContext",
    "TypedSource",
    "Unit",
    "Usage",
    "UsageError",
    "Values",
    "WaitFor",
    "WorkEnd",
    "WorkerOptions",
    "Workflow",
    "WorkflowCall",
    "answer_text",
    "bound",
    "check_answer",
    "codes",
    "estimate_tokens",
    "fields",
    "hookimpl",
    "import_in_thread",
    "input_spec",
    "is_folder",
    "json_of",
    "named_file",
    "nearest",
    "open_file",
    "output_of",
    "read_file",
    "read_json",
    "read_path",
    "read_project_files",
    "read_text",
    "require_own",
    "schema_at",
    "schema_of_tree",
    "shorten",
    "shorten_start",
    "text_of",
    "timeout_of",
    "why_not_there",
]


if not TYPE_CHECKING:  # a type checker would take any name for one of this module's

    def __getattr__(name: str) -> object:
        """Import a name of `_LAZY`."""
        module = _MODULE_OF.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(module), name)
        globals()[name] = value
        return value
