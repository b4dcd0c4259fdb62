"""Codes of a run: tasks that fail, the run's history, the project and the command line."""

from __future__ import annotations

from typing import Final

from nika_core import codes
from nika_core.plugin.explanation import Explanation

RUNNING: Final = (
    Explanation(
        codes.EXECUTION_FAILED,
        "a task failed",
        "A command ended with an exit code that is not 0, a function raised, a server answered with an error.",
        "tasks:\n  - id: a\n    shell: exit 3\n",
        "The message quotes the task. `retry:` tries again, `onError: continue` goes on without it.",
    ),
    Explanation(
        codes.NETWORK_FAILED,
        "a server cannot be reached",
        "No such host, no connection, or the connection broke.",
        "tasks:\n  - id: a\n    http: https://no-such-host.invalid\n",
        "Check the address and the network; `retry: {max: 3}` helps against failures that pass.",
    ),
    Explanation(
        codes.RATE_LIMITED,
        "too many requests",
        "The other side asks to wait. Nika waits as long as the server asks, as often as `retry.max` allows.",
        "retry: {max: 1}",
        "Raise `retry.max`, lower NIKA_MAX_CONCURRENT, or ask the provider for a higher limit.",
    ),
    Explanation(
        codes.PROVIDER_FAILED,
        "a provider failed",
        "The provider answered with an error, or its answer broke off.",
        "agent: {model: ...}   # while the provider is down",
        "Try again later; `nika providers --check` shows whether it can be reached.",
    ),
    Explanation(
        codes.OUTPUT_INVALID,
        "an output that is not what the task promises",
        "`output: {format: json}` needs JSON, and with a `schema` JSON that fits it.",
        "tasks:\n  - id: a\n    shell: echo not json\n    output: {format: json}\n",
        "Let the task print JSON, or correct the schema.",
    ),
    Explanation(
        codes.BAD_CONFIGURATION,
        "a setting makes the task impossible",
        "A wrong key, a server that is not configured, a program that is not installed.",
        'mcp: {reference: "no_such_server::tool"}',
        "The message names the setting. Another attempt would not help.",
    ),
    Explanation(
        codes.CIRCUIT_OPEN,
        "a provider failed too often in a row",
        "Calls pause for a while, to spare a provider that is in trouble.",
        "many tasks on a provider that is down",
        "Wait, or use another provider.",
    ),
    Explanation(
        codes.CANCELLED,
        "cancelled",
        "The run was interrupted, or ended before this task did.",
        "Ctrl-C during `nika run`",
        "`nika resume RUN` continues the run.",
    ),
    Explanation(
        codes.ADDRESS_REFUSED,
        "an address that is not public",
        "`http` does not connect to loopback, private, local and metadata addresses, or names that lead there.",
        "tasks:\n  - id: a\n    http: http://127.0.0.1:8000\n",
        "Allow it from outside the workflow: NIKA_HTTP_ALLOW=127.0.0.1:8000, or `http: {allow: [...]}` in nika.yaml.",
    ),
    Explanation(
        codes.INTERNAL,
        "a bug in a plugin, or in Nika",
        "Code raised an error that it must not raise.",
        "a plugin's step that raises KeyError",
        "Please report it, with the message, to the authors of the plugin that it names.",
    ),
    Explanation(
        codes.JOURNAL_UNAVAILABLE,
        "the run's history cannot be written",
        "The folder `.nika` cannot be created or written to, or the disk is full.",
        "nika run in a folder that is read-only",
        "Make the folder writable, or run with `--no-journal`; such a run cannot be resumed.",
    ),
    Explanation(
        codes.JOURNAL_CORRUPT,
        "the run's history is damaged",
        "The file of runs is not what was written.",
        "a .nika folder that was cut off while it was copied",
        "Restore it, or move it away: the next run starts a new history.",
    ),
    Explanation(
        codes.JOURNAL_NEWER,
        "the run's history is of a newer version",
        "A newer Nika wrote this history, and this one cannot read it.",
        "nika runs list after a downgrade",
        "Upgrade Nika.",
    ),
    Explanation(
        codes.UNKNOWN_RUN,
        "no such run",
        "No run in this project's history has that id.",
        "nika resume no-such-run",
        "`nika runs list` shows the ids; the beginning of an id is enough if it is unique.",
    ),
    Explanation(
        codes.RUN_IS_LIVE,
        "the run is still running",
        "Another process executes this run.",
        "nika resume RUN while it runs",
        "Wait for it, or interrupt it first.",
    ),
    Explanation(
        codes.NOT_RESUMABLE,
        "the run cannot be resumed",
        "It succeeded, or what it needs is gone.",
        "nika resume RUN of a run that succeeded",
        "`nika resume RUN --from TASK` runs a task and all that depend on it again; `nika run` starts a new run.",
    ),
    Explanation(
        codes.BAD_PROJECT_FILE,
        "the project file is wrong",
        "`nika.yaml` has a value that cannot be read.",
        "plugins: {allow: nika-core}   # a list is expected",
        "Correct it; every key is optional.",
    ),
    Explanation(
        codes.USAGE,
        "the command cannot be used like this",
        "An option, an argument or a combination of them cannot be used.",
        "nika run --max-concurrent 0",
        "`nika COMMAND --help` lists its options and arguments.",
    ),
    Explanation(
        codes.MIGRATION,
        "something cannot be migrated",
        "`nika migrate` found something in a v4 file that has no counterpart in v5, and left it to you.",
        "nika migrate old.nika.yaml",
        "The message names the line and what to write instead.",
    ),
    Explanation(
        codes.SIGNAL_REFUSED,
        "the signal is refused",
        "The run or the task has ended, the task has stopped waiting, or it was given another payload before.",
        'nika signal RUN approve \'{"approved": true}\'   # after {"approved": false}',
        "`nika runs show RUN` tells what the run waits for. The first signal counts.",
    ),
)
