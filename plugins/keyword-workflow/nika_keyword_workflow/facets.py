"""Which workflow a task stands for: what its payload says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nika_core.plugin import Effect, Facets, Payload, PayloadValue, WorkflowCall


class WorkflowFacets(Facets):
    """The workflow is `use`, its inputs are `with`."""

    def workflow(self, fields: Mapping[str, PayloadValue]) -> WorkflowCall:
        """Return the workflow of a payload."""
        use, inputs = fields["use"], fields.get("with") or {}
        return WorkflowCall(use, inputs, use_at=("use",), inputs_at=("with",))  # type: ignore[arg-type]  # its schema

    def effects(self, payload: Payload) -> Sequence[Effect]:
        """Return nothing: its tasks say what they touch."""
        return ()
