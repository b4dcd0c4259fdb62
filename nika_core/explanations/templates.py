"""Codes of templates."""

from __future__ import annotations

from typing import Final

from nika_core import codes
from nika_core.plugin.explanation import Explanation

TEMPLATES: Final = (
    Explanation(
        codes.UNKNOWN_REFERENCE,
        "a reference to something that is not there",
        "A template names a task, an input or a field that does not exist.",
        'tasks:\n  - id: fetch\n    shell: date\n  - id: show\n    shell: "echo {{fetsh}}"\n',
        'Correct the name. If a value may be missing, give a default: {{task.field ?? "none"}}.',
    ),
    Explanation(
        codes.TEMPLATE_SYNTAX,
        "a template that cannot be read",
        '`{{` opens a template: {{task}}, {{task.field.0}}, {{task.field ?? "none"}}; `${name.key}` reads a source.',
        'tasks:\n  - id: a\n    shell: "echo {{not a template}}"\n',
        r"Correct it, or write \{{ or \${ if the characters themselves are meant.",
    ),
    Explanation(
        codes.UNSAFE_POSITION,
        "a value where a shell command cannot take one safely",
        "In `shell.command` a value reaches the command as data. In a here-document, in backticks and in some nested "
        "substitutions that cannot be done.",
        'tasks:\n  - id: a\n    shell: date\n  - id: b\n    shell: "echo `cat {{a}}`"\n',
        'Use `argv` (a list, without a shell), `env` (and "$NAME" in the command) or `stdin`.',
    ),
    Explanation(
        codes.MISSING_VALUE,
        "a template's value is missing when it is needed",
        "The task that it names was skipped or failed, or its output has no such field.",
        'shell: "echo {{fetch.items.7}}"',
        'Give a default, {{fetch.items.7 ?? "none"}}, or a condition on the flow.',
    ),
    Explanation(
        codes.ENV_NOT_SET,
        "an environment variable is not set",
        "`${env.NAME}` has no default, and the environment has no such variable.",
        'shell: "echo ${env.NO_SUCH_VARIABLE}"',
        'Set the variable, or give a default: ${env.NAME ?? ""}.',
    ),
    Explanation(
        codes.TEMPLATE_NOT_QUOTED,
        "a template that stands without quotes",
        "In YAML a value that starts with `{` is a mapping. `key: {{task}}` is a mapping in a mapping, not text.",
        "tasks:\n  - id: a\n    shell: date\n  - id: b\n    shell: {{a}}\n",
        'Put the whole value in quotes: key: "{{task}} and more".',
    ),
    Explanation(
        codes.TRUSTED_TEXT,
        "values are pasted into a command (a warning)",
        "`trust: true` turns off the protection of `shell.command`: a value becomes part of the script, and can run "
        "anything.",
        'tasks:\n  - id: a\n    shell: date\n  - id: b\n    shell: {command: "{{a}}", trust: true}\n',
        "Remove `trust`, unless all values come from people who may run commands here.",
    ),
    Explanation(
        codes.VALUE_NOT_ALLOWED_HERE,
        "a value that is not allowed where its placeholder stands",
        "E.g. a line break in a header, or a value that would change a URL's host.",
        'http: {url: "https://example.com", headers: {X-Note: "{{text}}"}}   # and text has two lines',
        "Send such a value in the body, as `json`, `form` or `stdin`.",
    ),
    Explanation(
        codes.VALUE_TOO_LARGE,
        "a value that is too large for its place",
        "A value reaches a shell command as an environment variable, whose size the system limits. It is never cut.",
        'shell: "wc -c {{large}}"   # and `large` has megabytes',
        'Pass it as `stdin: "{{large}}"`.',
    ),
)
