"""Putting secrets into a payload, right before its step runs and nowhere else."""

from __future__ import annotations

from nika_core.engine.core.messages import TaskCall
from nika_core.engine.core.ports import LateValues, MissingSecretError
from nika_core.engine.task.outputs import fork
from nika_core.engine.task.services import TaskServices
from nika_core.errors import TemplateValueError
from nika_core.model.json import Json, JsonObject
from nika_core.model.late_values import KnownValue, LateLeaf, LateValue, with_leaves
from nika_core.model.template import Placeholder, Template
from nika_core.model.workflow import NodePath
from nika_core.plugin import Keyword
from nika_core.template import compile_template, render_text
from nika_core.template.resolution import in_field


async def fill_late(call: TaskCall, services: TaskServices, keyword: Keyword) -> JsonObject:
    """Return a copy of a call's payload with its secrets in it. Raise NikaError if one cannot be had, or put there."""
    values: dict[NodePath, list[Json]] = {}
    for leaf in call.late:
        placeholders = _compiled(leaf).placeholders
        with in_field(leaf.path):
            values[leaf.path] = [
                known.value if isinstance(known, KnownValue) else await _late(placeholder, known, services.late)
                for placeholder, known in zip(placeholders, leaf.values, strict=True)
            ]
    facets = services.facets(call.keyword)

    def fill(leaf: LateLeaf) -> Json:
        with in_field(leaf.path):
            return render_text(keyword, facets, str(leaf.path[0]), _compiled(leaf), values[leaf.path])

    return with_leaves(fork(call.payload), call.late, fill)


def _compiled(leaf: LateLeaf) -> Template:
    template = compile_template(leaf.template)
    assert isinstance(template, Template)
    return template


async def _late(placeholder: Placeholder, known: LateValue, late: LateValues) -> Json:
    for number, index in enumerate(known.members, start=1):
        try:
            return await late.resolve(placeholder.members[index])
        except MissingSecretError:
            if number == len(known.members) and not known.otherwise:
                raise
        except TemplateValueError as error:
            message = f"{placeholder.text}: {error.message}"
            raise TemplateValueError(message, code=error.code, hint=error.hint) from error
    return known.otherwise[0]
