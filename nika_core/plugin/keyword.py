"""The description of a task keyword: what it is called, what its payload looks like, and where its code is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from nika_core.model.workflow import KeywordCategory
from nika_core.plugin.explanation import Explanation
from nika_core.values import dataclass, field

if TYPE_CHECKING:  # describing a keyword needs none of these
    from nika_core.plugin.fields.validator import Validator

NO_STEP: Final = "nika_core.plugin.step:NoStep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """Describe a keyword. The module that makes one imports nothing heavy: `step` and `facets` are names.

    Attributes:
        name: the word that a workflow's author writes; also the name of the entry point.
        summary: one sentence.
        category: whether it takes part in the main conversation. `context` and `isolated` keywords may have
            `allowedTools`. A `group` stands for a workflow, which its facets name (`Facets.workflow`) and the kernel
            runs in its place.
        primary: the field that the short form (`word: scalar`) stands for.
        short_form_only: whether there is only the short form: whatever stands under the word, also a list or a mapping,
            is the field `primary`, and the payload has no other field. In `json_fields`, that is any JSON.
        payload: what stands under the word: a `fields.Map`, whose fields are documented. Their names are camelCase.
        step: "package.module:Class" of a `Step`, made once per run without arguments. Only a group needs none.
        facets: "package.module:Class" of `Facets`; the default ones are correct, and tell nothing about a task.
        json_fields: payload fields that hold JSON. Plain scalars that are exactly a JSON number, true, false or null
            have that type there (`3`, but not `3.10`), and a field that is one single placeholder keeps its value's
            type.
        verbatim_fields: payload fields in which `{{` and `${` are plain text.
        rendered_fields: payload fields that the facets' `render` puts together, since a value must be made safe there.
        file_fields: payload fields that are lists of paths of files for a model. A path that its author wrote lies in
            the workflow's folder, one with a value in it in `${run.folder}`. The step is given each as an object with
            `path` and `digest` (hexadecimal SHA-256), so that a resumed run does the task again if a file has changed.
        folder_fields: payload fields that name a folder, relative to the workflow's, which the step works in. On a
            backend such a folder has to be one that all machines share.
        needs_provider: whether a task with it calls a model, so that the workflow needs an `agent:` block.
        only_asks: whether its step does nothing but ask people (`StepContext.ask`). A task with it then takes no place
            among those that run at once, and a mocked run does its step, with the answers of `--answers`.
        refused_keys: keys of a task that make no sense beside it, each with what to write instead.
        pure: whether it has no effect outside and may simply be run again.
        in_place: whether its step only computes: it returns at once, from its payload and the answers that it asks for,
            and reads and waits for nothing else. On a backend it is then run where the run is driven, by no worker.
        same_worker: whether the tasks of one run with it, and with others of its distribution that say so, stay on one
            worker, since what one of them opens (`StepContext.resource`) is used by the others. When that worker dies,
            they go on with another one, which opens it anew.
        default_timeout: seconds for one attempt where no policy, and no task, says otherwise.
        default_max_output: bytes of output; None: only the limit for all outputs.
        sections: root keys of a workflow's file that belong to this keyword, each with its validator. A name
            belongs to one plugin, as a word does, and cannot be a root key of the kernel. Templates in them stay text.
        settings: validator of the project file's key of the keyword's own name; None: there is none.
        widening_settings: keys of a mapping in `settings` that widen what tasks may do, such as a list of allowed
            hosts. They count only in a folder that the user trusts, and are left out elsewhere.
        synonyms: what other systems call it (`run`), for hints if somebody writes that.
        explanations: the codes of its own that it reports, for `nika explain`.
    """

    name: str
    summary: str
    category: KeywordCategory = KeywordCategory.TOOL
    primary: str
    short_form_only: bool = False
    payload: Validator
    step: str = NO_STEP
    facets: str = "nika_core.plugin.facets:Facets"
    json_fields: frozenset[str] = frozenset()
    verbatim_fields: frozenset[str] = frozenset()
    rendered_fields: frozenset[str] = frozenset()
    file_fields: frozenset[str] = frozenset()
    folder_fields: frozenset[str] = frozenset()
    needs_provider: bool = False
    only_asks: bool = False
    refused_keys: Mapping[str, str] = field(default_factory=dict)
    pure: bool = False
    in_place: bool = False
    same_worker: bool = False
    default_timeout: float = 60.0
    default_max_output: int | None = None
    sections: Mapping[str, Validator] = field(default_factory=dict)
    settings: Validator | None = None
    widening_settings: frozenset[str] = frozenset()
    synonyms: frozenset[str] = frozenset()
    explanations: tuple[Explanation, ...] = ()
