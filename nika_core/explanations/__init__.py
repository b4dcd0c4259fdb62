"""What `nika explain CODE` says of every code of the kernel; the reference page of codes is made from it too."""

from __future__ import annotations

from typing import Final

from nika_core.explanations.documents import DOCUMENTS
from nika_core.explanations.limits import LIMITS
from nika_core.explanations.plugins import PLUGINS
from nika_core.explanations.running import RUNNING
from nika_core.explanations.templates import TEMPLATES
from nika_core.plugin.explanation import Explanation

EXPLANATIONS: Final[dict[str, Explanation]] = {
    explanation.code: explanation for explanation in (*DOCUMENTS, *TEMPLATES, *LIMITS, *PLUGINS, *RUNNING)
}

__all__ = ["EXPLANATIONS"]
