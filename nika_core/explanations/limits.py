"""Codes of limits."""

from __future__ import annotations

from typing import Final

from nika_core import codes
from nika_core.plugin.explanation import Explanation

LIMITS: Final = (
    Explanation(
        codes.SIZE_LIMIT,
        "too many bytes",
        "A file, an output or a value has more bytes than its limit allows.",
        "NIKA_MAX_YAML_SIZE=1KB nika validate large.nika.yaml",
        "Make it smaller, or raise the limit that the message names; `nika limits` lists them all.",
    ),
    Explanation(
        codes.TIMEOUT,
        "it took too long",
        "A task's attempt, or the validation of a file, took longer than it may.",
        "tasks:\n  - id: slow\n    shell: sleep 60\n    timeout: 1s\n",
        "Give the task a longer `timeout:`, or raise NIKA_<KEYWORD>_TIMEOUT or NIKA_VALIDATE_TIMEOUT.",
    ),
    Explanation(
        codes.COUNT_LIMIT,
        "too many tasks, flows, files, values or attempts",
        "A workflow has more parts than its limit allows. A task that asks for more attempts gets a warning.",
        "NIKA_MAX_TASKS=1 nika validate two-tasks.nika.yaml",
        "Split the workflow, or raise the limit that the message names.",
    ),
    Explanation(
        codes.DEPTH_LIMIT,
        "nested too deeply",
        "A document, a condition, a template's path or a JSON value has more levels than its limit allows.",
        "NIKA_MAX_DEPTH=2: {{task.a.b.c}}",
        "Make it flatter, or raise NIKA_MAX_RECURSION, NIKA_MAX_DEPTH or NIKA_MAX_JSON.",
    ),
    Explanation(
        codes.TOKEN_BUDGET,
        "the tokens are used up",
        "The next call to a model could use more tokens than the task or the run may still use. It was not sent.",
        "NIKA_MAX_TOKENS_TASK=100 nika run write.nika.yaml",
        "Lower `maxTokens`, shorten the prompt, or raise NIKA_MAX_TOKENS_TASK or NIKA_MAX_TOKENS_TOTAL.",
    ),
    Explanation(
        codes.COST_BUDGET,
        "the money is used up",
        "The next call to a model could cost more than the run may still spend. It was not sent.",
        "agent: {model: ..., maxBudgetUsd: 0.01}",
        "Raise `maxBudgetUsd` or NIKA_MAX_COST, or use a cheaper model.",
    ),
    Explanation(
        codes.POLICY_REFUSED,
        "a limit policy refuses",
        "A limit policy of a plugin forbids what the run would do.",
        "nika run deploy.nika.yaml",
        "The message says what the policy requires; `nika plugins list` shows which plugin it belongs to.",
    ),
    Explanation(
        codes.BAD_LIMIT,
        "a limit's setting cannot be read",
        "A NIKA_* variable has a value that is not a size, a duration or a number.",
        "NIKA_MAX_TASKS=many nika validate",
        "Sizes take KB, MB, GB or bytes, durations ms, s, m, h or seconds.",
    ),
    Explanation(
        codes.PROMPT_TOO_LONG,
        "a prompt is too long",
        "A prompt has at most 100,000 characters.",
        'agent: {prompt: "{{very_long_text}}"}',
        "Shorten it: let an earlier task select or summarize what matters.",
    ),
    Explanation(
        codes.CONTEXT_TOO_LONG,
        "the conversation does not fit the model",
        "The system prompt, the conversation and the answer's tokens are longer than the model's context.",
        "agent: {model: small-model, maxTokens: 4096}",
        "Use `overflow: summarize` in the agent block, fewer ancestors, a smaller `maxTokens` or a larger model.",
    ),
)
