"""What a notifier is: it tells people outside that a run has asked a question."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from nika_core.model.json import JsonObject
from nika_core.model.text import iso_time
from nika_core.plugin.fields.containers import EmptyDict, Map
from nika_core.values import dataclass

if TYPE_CHECKING:
    from nika_core.plugin.fields.validator import Validator

_NO_SETTINGS: Final = EmptyDict() | Map({})


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierDescription:
    """Describe a notifier. A project uses it if its `nika.yaml` has a key with its name.

    Attributes:
        name: the key in the project file; also the name of the entry point.
        summary: one sentence.
        notifier: "package.module:Class" of a `Notifier`, made once per run, when the first question opens, with a
            `NotifierSetup` as its only argument.
        settings: validator of what stands under the key in the project file; the default accepts `{}`. If it returns a
            list, there is one notifier for each entry.
        widening_settings: those keys of a mapping in `settings` that count only if the user trusts the project file;
            `*` stands for the whole key, since a notifier tells what happens here to others.
        timeout: seconds after which a call of `notify` is cancelled.
    """

    name: str
    summary: str
    notifier: str
    settings: Validator = _NO_SETTINGS
    widening_settings: frozenset[str] = frozenset({"*"})
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class NotifierSetup:
    """What a notifier is made with.

    Attributes:
        settings: what stands under its key in the project file, as its validator returns it; one entry of it if it is
            a list.
        environ: the environment variables of the run.
        folder: the project's folder.
    """

    settings: Any
    environ: Mapping[str, str]
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionNotice:
    """A question that has opened. Secrets are masked in all of it.

    Attributes:
        key: the same for every notice about this question, and for no other one: a receiver drops what it has had.
        run_id: the run that asks.
        workflow: the workflow's name.
        task: the task that asks, e.g. `approve[3]`.
        message: the question, at most 4096 bytes of UTF-8.
        show: the value that is shown with it, as text (JSON unless it is a text), at most 4096 bytes; "" if there is
            none. What is longer ends with the line `[TRUNCATED: A bytes → B bytes]`; the command shows all of it.
        form: the fields of the answer by name, as `inputs:` declares them; None: the answer is yes or no.
        words: what may be answered in place of the form's fields, or of yes and no.
        command: the command that answers, for a person: with `yes (or no)`, or with the fields to fill in.
        digest: of what is shown; an answer may carry it (`nika answer --digest`), and is then for this question only.
        since: when it was first shown, in seconds since the epoch.
        expires_at: until when it can be answered, in seconds since the epoch; None: for ever.
        attended: who is asked: True if also the person at the run's terminal, False if nobody is asked but those whom
            the notifier tells.
    """

    key: str
    run_id: str
    workflow: str
    task: str
    message: str
    show: str = ""
    form: JsonObject | None = None
    words: tuple[str, ...] = ()
    command: str
    digest: str
    since: float
    expires_at: float | None = None
    attended: bool = False

    def as_json(self) -> JsonObject:
        """Return it as JSON: camelCase keys, times in ISO 8601 (UTC), keys without a value left out."""
        found: dict[str, Any] = {
            "event": "question.opened",
            "key": self.key,
            "runId": self.run_id,
            "workflow": self.workflow,
            "task": self.task,
            "message": self.message,
            "command": self.command,
            "digest": self.digest,
            "since": iso_time(self.since),
            "attended": self.attended,
        }
        if self.show:
            found["show"] = self.show
        if self.form is not None:
            found["form"] = self.form
        if self.words:
            found["words"] = list(self.words)
        if self.expires_at is not None:
            found["expiresAt"] = iso_time(self.expires_at)
        return found


class Notifier(Protocol):
    """Tell people of a question. Made once per run; used by several questions at once.

    It works in a thread of its own with an event loop of its own, so neither a slow nor a blocking one delays the run.
    """

    def __init__(self, setup: NotifierSetup) -> None: ...

    async def notify(self, notice: QuestionNotice) -> None:
        """Tell of a question; return when the receiver has it.

        Whatever is raised is a warning of the run, and so is a call that takes longer than the description's `timeout`.
        Such a notice is sent again when the run is resumed and the question is still open; one that returned is not.
        A run that is killed in between sends a notice again, too: with the same `key`. Raise TaskError with a message
        for the user if it could not be delivered.
        """
        ...
