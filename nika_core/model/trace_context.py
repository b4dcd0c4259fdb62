"""Which trace a run belongs to, and the ids of its spans: the same wherever they are worked out.

They follow from what they are of, so that a task can name its span to a server before any observer has seen it, a
resumed run can link to the part before it, and nothing has to be kept. The form of `traceparent` is that of W3C Trace
Context, level 1 (https://www.w3.org/TR/trace-context/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from nika_core.values import dataclass

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\Z")
_SAMPLED: Final = 1


def _digest(size: int, *parts: object) -> str:
    digest = blake2b("\0".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()
    return digest if int(digest, 16) else "1".zfill(2 * size)  # zeros would mean that there is none


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The trace of one process's part of a run.

    Attributes:
        run_id: the run.
        life: which part of the run this is: 1 until it is resumed, then 2.
        trace_id: 32 hexadecimal digits.
        parent_id: the span that the run was started in, 16 hexadecimal digits; "": none.
        sampled: whether what started the run records its trace.
    """

    run_id: str
    life: int
    trace_id: str
    parent_id: str = ""
    sampled: bool = True

    @property
    def root_id(self) -> str:
        """The id of the span of this part of the run."""
        return _digest(8, self.run_id, self.life)

    def span_id(self, *parts: object) -> str:
        """Return the id of a span within it, 16 hexadecimal digits: of a task's attempt if `parts` are those of one.

        Args:
            parts: what the span is of: a task's id, its epoch and its attempt, and what else tells it from others.
        """
        return _digest(8, self.run_id, self.life, *parts)

    def traceparent(self, task: str, epoch: int, attempt: int) -> str:
        """Return the `traceparent` that a task's attempt passes on."""
        return f"00-{self.trace_id}-{self.span_id(task, epoch, attempt)}-{'01' if self.sampled else '00'}"


def trace_context(run_id: str, life: int, environ: Mapping[str, str]) -> TraceContext:
    """Return the trace of a run's part: that of `TRACEPARENT` in the environment, or one of its own."""
    match = _TRACEPARENT.match(environ.get("TRACEPARENT", ""))
    if match is not None:
        version, trace_id, parent_id, flags, more = match.groups()
        known = version != "ff" and (version != "00" or more is None)
        if known and int(trace_id, 16) and int(parent_id, 16):
            return TraceContext(run_id, life, trace_id, parent_id, bool(int(flags, 16) & _SAMPLED))
    return TraceContext(run_id, life, _digest(16, run_id))
