"""Codes of a document: YAML, root, tasks, tools, flows, connections, graph."""

from __future__ import annotations

from typing import Final

from nika_core import codes
from nika_core.plugin.explanation import Explanation

DOCUMENTS: Final = (
    Explanation(
        codes.YAML_SYNTAX,
        "the file is not YAML",
        "The parser cannot go on: indentation that does not fit, a bracket or quote that is not closed, a tab that "
        "indents, `: ` within an unquoted text, or a control character.",
        "tasks:\n  - id: greet\n    shell: echo note: this is broken\n",
        "Put texts that hold `: ` or start with `@`, `%`, `{`, `[`, `&`, `*` or `!` in quotes, or write a block "
        "(`shell: |` and the text indented on the next lines). Indent with spaces.",
    ),
    Explanation(
        codes.YAML_NOT_STRICT,
        "YAML that the strict subset leaves out",
        "Anchors, aliases, merge keys, tags, duplicate keys and several documents in one file are refused, so that a "
        "file means what it looks like.",
        "tasks:\n  - id: one\n    shell: &greeting echo hi\n  - id: two\n    shell: *greeting\n",
        "Write the value out where it is needed, remove the second key or document, and put a text that starts with "
        "`&`, `*` or `!` in quotes.",
    ),
    Explanation(
        codes.FILE_UNREADABLE,
        "the file cannot be read",
        "It is missing, a directory, empty, not UTF-8, or may not be read.",
        "nika run no-such-file.nika.yaml",
        "Check the path and the permissions, and save the file as UTF-8.",
    ),
    Explanation(
        codes.UNKNOWN_KEY,
        "a key that the schema does not know",
        "A misspelt key would silently do nothing, so it is an error. The message names the nearest known key.",
        "tasks:\n  - id: build\n    shell: make\n    timout: 30s\n",
        "Correct the key, or move it where it belongs: a keyword's own fields stand within its payload.",
    ),
    Explanation(
        codes.BAD_VALUE,
        "a value of the wrong type or form",
        "Outside of payloads: a list where a mapping belongs, an invalid duration, a word that is not one of those "
        "allowed.",
        "tasks:\n  - id: build\n    shell: make\n    timeout: soon\n",
        "Write what the message expects: durations are `250ms`, `10s`, `5m`, `1h` or a number of seconds.",
    ),
    Explanation(
        codes.MISSING_MODEL,
        "no model is named",
        "A task needs a model, and neither the task nor the `agent:` block, the project file or the command line says "
        "which one.",
        "tasks:\n  - id: write\n    agent: Write a haiku\n",
        "Add `agent: {model: ...}` at the top of the file, `model:` to nika.yaml, or run with `--model`.",
    ),
    Explanation(
        codes.BAD_SYSTEM_PROMPT,
        "the system prompt cannot be used",
        "`systemPrompt` and `systemPromptFile` are both given, or the file cannot be read.",
        "agent:\n  model: m\n  systemPromptFile: prompts/no-such-file.md\ntasks:\n  - id: a\n    shell: date\n",
        "Keep one of the two. The file's path is relative to the workflow's folder.",
    ),
    Explanation(
        codes.V4_DOCUMENT,
        "a document of an earlier version",
        "The file has what only v4 had (`config:` on a task, payload fields beside the keyword), or a top-level "
        "`nika:` key of another line of the program.",
        "tasks:\n  - id: build\n    shell: make\n    config: {timeout: 30s}\n",
        "`nika migrate FILE` shows the file as v5, `--write` writes it. In a v5 file, move a payload's field into the "
        "payload: `http: {url: ..., method: POST}`.",
    ),
    Explanation(
        codes.BAD_INPUT,
        "an input is wrong",
        "An input is missing or not declared, or a value or a default is not of the declared type.",
        "inputs:\n  count: {type: int, default: many}\ntasks:\n  - id: a\n    shell: date\n",
        "Pass it as `-i count=3`. Types are string, int, float, bool and json.",
    ),
    Explanation(
        codes.BAD_TASK_ID,
        "an id that cannot be one",
        "A task's id is ASCII letters, digits, `-` and `_`, does not start or end with `-`, and has at most "
        "NIKA_MAX_ID_LEN characters.",
        "tasks:\n  - id: fetch items\n    shell: date\n",
        "Rename the task, e.g. `fetch-items`, wherever it is named.",
    ),
    Explanation(
        codes.DUPLICATE_TASK_ID,
        "two tasks with one id",
        "`{{id}}` and flows could not tell them apart.",
        "tasks:\n  - id: build\n    shell: make\n  - id: build\n    shell: make test\n",
        "Give each task an id of its own.",
    ),
    Explanation(
        codes.NO_KEYWORD,
        "a task without a keyword",
        "The keyword says what a task does: `shell`, `http`, `agent`, ...",
        "tasks:\n  - id: idle\n    timeout: 10s\n",
        "Add the keyword with its payload, e.g. `shell: make`.",
    ),
    Explanation(
        codes.SEVERAL_KEYWORDS,
        "a task with several keywords",
        "A task does one thing.",
        "tasks:\n  - id: both\n    shell: make\n    http: https://example.com\n",
        "Split it into two tasks; `{{first}}` in the second one joins them.",
    ),
    Explanation(
        codes.BAD_PAYLOAD,
        "a payload that its keyword refuses",
        "A field is missing, has the wrong type, or holds a value that the keyword cannot use.",
        "tasks:\n  - id: build\n    shell: {command: make, capture: everything}\n",
        "`nika plugins show NAME` lists a keyword's fields; `nika schema` writes the same for editors.",
    ),
    Explanation(
        codes.TOOLS_WIDENED,
        "a task allows tools that the agent block does not",
        "An `agent` task may only narrow `agent.allowedTools`.",
        "agent:\n  model: m\n  allowedTools: [shell]\ntasks:\n  - id: a\n    agent: hi\n    allowedTools: [http]\n",
        "Add the tool to `agent.allowedTools`, or remove it from the task. A `subagent` may have tools of its own.",
    ),
    Explanation(
        codes.TOOLS_NOT_ALLOWED_HERE,
        "this keyword has no tools",
        "Only tasks that ask a model in a loop (`agent`, `subagent`) can be given tools.",
        "tasks:\n  - id: build\n    shell: make\n    allowedTools: [http]\n",
        "Remove `allowedTools` and `disallowedTools` from the task.",
    ),
    Explanation(
        codes.TOOLS_OVERLAP,
        "a tool is allowed and disallowed",
        "`allowedTools` and `disallowedTools` name the same tool, so it is not clear which one is meant.",
        "agent:\n  model: m\n  allowedTools: [shell]\n  disallowedTools: [shell]\ntasks:\n  - id: a\n    agent: hi\n",
        "Remove it from one of the two.",
    ),
    Explanation(
        codes.UNKNOWN_TOOL,
        "a tool that does not exist",
        "A tool is a keyword, or a keyword and a reference: `shell`, `mcp::server::tool`, `function::file.py::name`.",
        "agent:\n  model: m\n  allowedTools: [shel]\ntasks:\n  - id: a\n    agent: hi\n",
        "Correct the name, or install the plugin that brings the keyword.",
    ),
    Explanation(
        codes.UNKNOWN_FLOW_SOURCE,
        "a flow from a task that does not exist",
        "`source` is the id of a task of this workflow.",
        "tasks:\n  - id: a\n    shell: date\nflows:\n  - {source: b, target: a}\n",
        "Correct the id, or add the task.",
    ),
    Explanation(
        codes.UNKNOWN_FLOW_TARGET,
        "a flow to a task that does not exist",
        "`target` is the id of a task of this workflow.",
        "tasks:\n  - id: a\n    shell: date\nflows:\n  - {source: a, target: b}\n",
        "Correct the id, or add the task.",
    ),
    Explanation(
        codes.FLOW_SELF_LOOP,
        "a flow from a task to itself",
        "A task cannot wait for itself.",
        "tasks:\n  - id: a\n    shell: date\nflows:\n  - {source: a, target: a}\n",
        "Remove the flow; `retry:` tries a task again.",
    ),
    Explanation(
        codes.BAD_CONDITION,
        "a condition that cannot be read",
        "Conditions compare templates and literals with == != < <= > >= && || ! in and parentheses. They call nothing.",
        "tasks:\n  - id: a\n    shell: date\n  - id: b\n    shell: date\nflows:\n"
        "  - {source: a, target: b, condition: \"{{a}} = 'x'\"}\n",
        "Write e.g. \"{{a.state}} == 'open' && {{a.count}} > 3\", in quotes.",
    ),
    Explanation(
        codes.ISOLATED_TO_ISOLATED,
        "one isolated task leads straight to another",
        "`subagent` to `subagent` is refused: the output of one would be the other's prompt, unseen by other tasks.",
        "agent: {model: m}\ntasks:\n  - id: a\n    subagent: Find facts\n  - id: b\n    subagent: Check {{a}}\n",
        "Put a bridge between them (a tool task, or an `agent`) that uses {{a}}, and let b use the bridge.",
    ),
    Explanation(
        codes.CYCLE,
        "tasks that wait for one another",
        "Flows and templates form a circle, so none of its tasks could ever start. The message shows it.",
        'tasks:\n  - id: a\n    shell: "echo {{b}}"\n  - id: b\n    shell: "echo {{a}}"\n',
        "Remove one flow or template of the circle.",
    ),
    Explanation(
        codes.ORPHAN_TASK,
        "a task that nothing joins to the others (a warning)",
        "Other tasks are joined by flows or templates, and this one is not: perhaps a flow was forgotten.",
        'tasks:\n  - id: a\n    shell: date\n  - id: b\n    shell: "echo {{a}}"\n  - id: alone\n    shell: date\n',
        "Use its output, join it by a flow, or leave it as it is: it runs at once.",
    ),
    Explanation(
        codes.UNKNOWN_OUTPUT_TASK,
        "the workflow's output is no task",
        "`agent.output` names the task whose output is the workflow's.",
        "agent:\n  model: m\n  output: sumary\ntasks:\n  - id: summary\n    agent: hi\n",
        "Correct the id, or remove `output`: then it is the last task in declared order that ran.",
    ),
)
