"""What stands in for tasks, in tests: an output, or an error."""

from __future__ import annotations

from collections.abc import Mapping

from nika_core.app.mocked_answers import NodeValues
from nika_core.engine.task.outputs import fork
from nika_core.model.cases import stand_in_error
from nika_core.model.json import Json


class StandIns:
    """Outputs and errors by the ids of nodes, or by patterns of ids."""

    def __init__(self, outputs: Mapping[str, Json], errors: Mapping[str, Json]) -> None:
        self._outputs = NodeValues(outputs)
        self._errors = NodeValues(errors)

    def find(self, node: str) -> tuple[Json] | None:
        """Return the output that stands in for a node, as a tuple; None: nothing does. Raise TaskError for an error."""
        error = self._errors.find(node)
        if error is not None:
            raise stand_in_error(error[1])
        output = self._outputs.find(node)
        return None if output is None else (fork(output[1]),)
