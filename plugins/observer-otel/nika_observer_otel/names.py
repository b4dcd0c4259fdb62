"""Every name of the GenAI conventions that is used here, and those of ours.

The conventions are in development, so that names may change: `semantic-conventions-genai` 0.1.0,
https://github.com/open-telemetry/semantic-conventions-genai. What they do not have is under `nika.`.
"""

from __future__ import annotations

from typing import Final

CHAT: Final = "chat"
EXECUTE_TOOL: Final = "execute_tool"
INVOKE_AGENT: Final = "invoke_agent"
INVOKE_WORKFLOW: Final = "invoke_workflow"

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
AGENT_NAME: Final = "gen_ai.agent.name"
CONVERSATION: Final = "gen_ai.conversation.id"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
SYSTEM: Final = "gen_ai.system_instructions"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
TOKEN_MODALITY: Final = "gen_ai.token.modality"  # noqa: S105  # tokens of a model
ERROR_TYPE: Final = "error.type"

PROVIDERS: Final = {"claude": "anthropic"}  # well-known values; other names are passed on
UNKNOWN_MODALITY: Final = "unknown"
OTHER_ERROR: Final = "_OTHER"

CALL_DURATION: Final = "gen_ai.client.operation.duration"
AGENT_DURATION: Final = "gen_ai.invoke_agent.duration"
TOOL_DURATION: Final = "gen_ai.execute_tool.duration"
INPUT_TOKENS_USED: Final = "gen_ai.client.inference.usage.input_tokens"
OUTPUT_TOKENS_USED: Final = "gen_ai.client.inference.usage.output_tokens"

CAPTURE_CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
CAPTURING: Final = frozenset({"true", "span_only", "span_and_event"})

RUN_ID: Final = "nika.run.id"
RUN_STATUS: Final = "nika.run.status"
RUN_LIFE: Final = "nika.run.life"
WORKFLOW: Final = "nika.workflow"
TASK: Final = "nika.task.id"
KEYWORD: Final = "nika.task.keyword"
STATE: Final = "nika.task.state"
EPOCH: Final = "nika.task.epoch"
ATTEMPT: Final = "nika.task.attempt"
REASON: Final = "nika.task.reason"
OUTPUT: Final = "nika.task.output"
COST: Final = "nika.cost_usd"
REUSED: Final = "nika.reused"
DECISION: Final = "nika.decision"
ERROR_CODE: Final = "nika.error.code"
NOTICE: Final = "nika.notice"

RUNS: Final = "nika.runs"
TASKS: Final = "nika.tasks"
COST_TOTAL: Final = "nika.cost"
BREAKERS: Final = "nika.breakers"
BREAKER_STATE: Final = "nika.breaker.state"
OPEN_QUESTIONS: Final = "nika.questions.open"
