"""Observers that keep every rule but one. The honest one keeps all."""

import threading

from nika_core.plugin import EventKind, ObserverDescription, TaskError, fields, hookimpl

NIKA_API = 1


class HonestObserver:
    def __init__(self, setup):
        self.fails = setup.settings["does"] == "fail"

    def observe(self, event):
        if self.fails:
            raise TaskError("the disk is full")

    def close(self): ...


class Blind(HonestObserver):
    """Cannot even take note of a plain run."""

    def observe(self, event):
        if not self.fails and event.kind == EventKind.RUN_STARTED and event.data.get("tasks") == 1:
            raise ValueError("what is that?")
        super().observe(event)


class Talking(HonestObserver):
    def close(self):
        print("noted")


class Trusting(HonestObserver):
    """Believes that every event has what events of its kind have."""

    def observe(self, event):
        super().observe(event)
        if event.kind == EventKind.TASK_FAILED:
            len(event.data["error"]["message"])


class Impatient(HonestObserver):
    """Believes that a run that has begun also ends."""

    ended = True

    def observe(self, event):
        super().observe(event)
        if event.kind == EventKind.TASK_STARTED:
            self.ended = False
        if event.kind == EventKind.TASK_SUCCEEDED or event.task == "review[3]":
            self.ended = True

    def close(self):
        assert self.ended


class Silent(HonestObserver):
    """Goes on as if it had taken note."""

    def observe(self, event): ...


class Alarmed(HonestObserver):
    """Raises what no user understands."""

    def observe(self, event):
        if self.fails:
            raise OSError(28, "No space left on device")


class Lingering(HonestObserver):
    """Leaves a thread."""

    def close(self):
        threading.Thread(target=threading.Event().wait, args=(20,), daemon=True, name="later").start()


class Generous(HonestObserver):
    """Takes whatever stands in the project file."""


OBSERVERS = (HonestObserver, Blind, Talking, Trusting, Impatient, Silent, Alarmed, Lingering, Generous)
SETTINGS = fields.Map({"does": fields.field(fields.Str(), "What it does.", default="note")})


@hookimpl
def nika_observers():
    return [
        ObserverDescription(
            name=each.__name__,
            summary="A test.",
            observer=f"{__name__}:{each.__name__}",
            settings=fields.MapPattern(fields.Str(), fields.Str()) if each is Generous else SETTINGS,
        )
        for each in OBSERVERS
    ]
