"""Notifiers that keep every rule but one. The honest one keeps all."""

import asyncio
import time

from nika_core.plugin import NotifierDescription, TaskError, fields, hookimpl

NIKA_API = 1


class HonestNotifier:
    def __init__(self, setup):
        self.does = setup.settings["does"]

    async def notify(self, notice):
        if self.does == "fail":
            raise TaskError("nobody is there")
        if self.does == "wait":
            await asyncio.sleep(60)


class Speechless(HonestNotifier):
    """Cannot even tell of a plain question."""

    async def notify(self, notice):
        if self.does != "wait":
            raise TaskError("nothing can be told")
        await super().notify(notice)


class Loud(HonestNotifier):
    async def notify(self, notice):
        await super().notify(notice)
        print("told")


class Fussy(HonestNotifier):
    """Takes plain texts only."""

    async def notify(self, notice):
        notice.message.encode("utf-8")
        await super().notify(notice)


class Lonely(HonestNotifier):
    """Takes one notice at a time."""

    busy = False

    async def notify(self, notice):
        if self.busy:
            raise TaskError("one after the other, please")
        self.busy = True
        await asyncio.sleep(0)
        await super().notify(notice)
        self.busy = False


class Pretending(HonestNotifier):
    """Returns although nobody was told."""

    async def notify(self, notice):
        if self.does != "fail":
            await super().notify(notice)


class Panicking(HonestNotifier):
    """Lets its library's errors out."""

    async def notify(self, notice):
        if self.does == "fail":
            raise ConnectionResetError("by peer")
        await super().notify(notice)


class Stubborn(HonestNotifier):
    """Goes on when its time is over."""

    async def notify(self, notice):
        try:
            await super().notify(notice)
        except asyncio.CancelledError:
            return


class Blocking(HonestNotifier):
    async def notify(self, notice):
        time.sleep(0.4)
        await super().notify(notice)


class Leaving(HonestNotifier):
    """Returns before it has told anybody."""

    async def notify(self, notice):
        if self.does != "tell":
            await super().notify(notice)
        self.later = asyncio.ensure_future(asyncio.sleep(5))


class Lenient(HonestNotifier):
    """Takes whatever stands in the project file."""


NOTIFIERS = (
    *(HonestNotifier, Speechless, Loud, Fussy, Lonely, Pretending, Panicking, Stubborn, Blocking, Leaving, Lenient),
)
SETTINGS = fields.Map({"does": fields.field(fields.Str(), "What it does.", default="tell")})


@hookimpl
def nika_notifiers():
    return [
        NotifierDescription(
            name=each.__name__,
            summary="A test.",
            notifier=f"{__name__}:{each.__name__}",
            settings=fields.MapPattern(fields.Str(), fields.Str()) if each is Lenient else SETTINGS,
        )
        for each in NOTIFIERS
    ]
