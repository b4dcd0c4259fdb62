"""Every NIKA code, by the name that the code uses for it.

The texts that `nika explain` prints live in `explanations.py`; a test holds that both know the same codes.
"""

from typing import Final

# 001-009 document and root
YAML_SYNTAX: Final = "NIKA-001"
YAML_NOT_STRICT: Final = "NIKA-002"  # anchors, aliases, merge keys, tags, duplicate keys, several documents
FILE_UNREADABLE: Final = "NIKA-003"  # missing, a directory, not UTF-8, empty
UNKNOWN_KEY: Final = "NIKA-004"
BAD_VALUE: Final = "NIKA-005"  # a value of the wrong type or form outside a task's payload
MISSING_MODEL: Final = "NIKA-006"
BAD_SYSTEM_PROMPT: Final = "NIKA-007"  # both given, or the file cannot be read
V4_DOCUMENT: Final = "NIKA-008"
BAD_INPUT: Final = "NIKA-009"

# 010-014 task
BAD_TASK_ID: Final = "NIKA-010"
DUPLICATE_TASK_ID: Final = "NIKA-011"
NO_KEYWORD: Final = "NIKA-012"
SEVERAL_KEYWORDS: Final = "NIKA-013"
BAD_PAYLOAD: Final = "NIKA-014"

# 015-019 tool access
TOOLS_WIDENED: Final = "NIKA-015"  # a context task allows what agent.allowedTools does not
TOOLS_NOT_ALLOWED_HERE: Final = "NIKA-016"  # allowedTools on a keyword that has none
TOOLS_OVERLAP: Final = "NIKA-017"
UNKNOWN_TOOL: Final = "NIKA-018"

# 020-029 flows
UNKNOWN_FLOW_SOURCE: Final = "NIKA-020"
UNKNOWN_FLOW_TARGET: Final = "NIKA-021"
FLOW_SELF_LOOP: Final = "NIKA-022"
BAD_CONDITION: Final = "NIKA-023"
CONDITION_WITHOUT_EFFECT: Final = "NIKA-024"  # a warning

# 030-039 connections
ISOLATED_TO_ISOLATED: Final = "NIKA-030"  # retired

# 040-049 graph
CYCLE: Final = "NIKA-040"
ORPHAN_TASK: Final = "NIKA-041"  # a warning
UNKNOWN_OUTPUT_TASK: Final = "NIKA-042"

# 050-059 templates
UNKNOWN_REFERENCE: Final = "NIKA-050"
TEMPLATE_SYNTAX: Final = "NIKA-051"
UNSAFE_POSITION: Final = "NIKA-052"  # a value in a place of a shell command that cannot be made safe
MISSING_VALUE: Final = "NIKA-053"  # at run time: no such field, skipped task without ??
ENV_NOT_SET: Final = "NIKA-054"
TEMPLATE_NOT_QUOTED: Final = "NIKA-055"  # {{ }} at the start of a YAML value without quotes
TRUSTED_TEXT: Final = "NIKA-056"  # a warning: trust: true
VALUE_NOT_ALLOWED_HERE: Final = "NIKA-057"  # e.g. a line break in a header, a value that would change a URL's host
VALUE_TOO_LARGE: Final = "NIKA-058"  # e.g. for an environment variable

# 060-069 limits exceeded
SIZE_LIMIT: Final = "NIKA-060"
TIMEOUT: Final = "NIKA-061"
COUNT_LIMIT: Final = "NIKA-062"  # tasks, flows, files
DEPTH_LIMIT: Final = "NIKA-063"
TOKEN_BUDGET: Final = "NIKA-064"
COST_BUDGET: Final = "NIKA-065"
POLICY_REFUSED: Final = "NIKA-066"
BAD_LIMIT: Final = "NIKA-067"  # a malformed NIKA_* variable
PROMPT_TOO_LONG: Final = "NIKA-068"
CONTEXT_TOO_LONG: Final = "NIKA-069"  # does not fit the model

# 070-079 plugins
UNKNOWN_KEYWORD: Final = "NIKA-070"
UNKNOWN_PROVIDER: Final = "NIKA-071"
PLUGIN_CONFLICT: Final = "NIKA-072"
PLUGIN_BROKEN: Final = "NIKA-073"
PLUGIN_INCOMPATIBLE: Final = "NIKA-074"
PLUGIN_BLOCKED: Final = "NIKA-075"
UNKNOWN_SOURCE: Final = "NIKA-076"
MISSING_SECRET: Final = "NIKA-077"
MODEL_CANNOT: Final = "NIKA-078"
PLUGIN_LOCK: Final = "NIKA-079"

# 080-089 a task failed while it ran
EXECUTION_FAILED: Final = "NIKA-080"
NETWORK_FAILED: Final = "NIKA-081"
RATE_LIMITED: Final = "NIKA-082"
PROVIDER_FAILED: Final = "NIKA-083"
OUTPUT_INVALID: Final = "NIKA-084"  # not the JSON that `output` asks for
BAD_CONFIGURATION: Final = "NIKA-085"
CIRCUIT_OPEN: Final = "NIKA-086"
CANCELLED: Final = "NIKA-087"
ADDRESS_REFUSED: Final = "NIKA-088"  # an address that is not public
INTERNAL: Final = "NIKA-089"  # a fault in a plugin or in Nika itself

# 090-099 the run's history, the project and the command line
JOURNAL_UNAVAILABLE: Final = "NIKA-090"
JOURNAL_CORRUPT: Final = "NIKA-091"
JOURNAL_NEWER: Final = "NIKA-092"
UNKNOWN_RUN: Final = "NIKA-093"
RUN_IS_LIVE: Final = "NIKA-094"
NOT_RESUMABLE: Final = "NIKA-095"
BAD_PROJECT_FILE: Final = "NIKA-096"
USAGE: Final = "NIKA-097"
MIGRATION: Final = "NIKA-098"
SIGNAL_REFUSED: Final = "NIKA-099"  # nothing waits for it, or it contradicts one that was given

# 100-109 lists and loops
NOT_REACHED: Final = "NIKA-100"  # `until` did not hold within `max` rounds
REPEATED_KEY: Final = "NIKA-101"  # two items of a list with one `key`

# 105-109 who trusts whom
UNTRUSTED_FOLDER: Final = "NIKA-105"  # a warning: what a project file widens does not count
ORGANIZATION_POLICY: Final = "NIKA-106"  # the organization's file refuses it, or cannot be read
UNTRUSTED_HISTORY: Final = "NIKA-107"  # a run that this user has not recorded here

# 110-114 recordings and tests
NOT_RECORDED: Final = "NIKA-110"  # a replayed run asks what its recording does not have
BAD_RECORDING: Final = "NIKA-111"  # it cannot be read, or is of another workflow
BAD_TEST: Final = "NIKA-112"  # a test file is wrong
