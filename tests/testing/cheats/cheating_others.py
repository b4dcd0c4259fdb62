"""Limit policies and template sources that keep every rule but one. The honest ones keep all."""

import threading
import time
from pathlib import Path

from nika_core.errors import TemplateValueError, UsageError
from nika_core.model.limits import Limit, LimitKind, Unit
from nika_core.plugin import LimitPolicy, Policy, Refusal, Stage, TemplateSource, hookimpl

NIKA_API = 1


class HonestPolicy(Policy):
    def limits(self, environ):
        value = environ.get("CHEAT_MAX_TASKS", "10")
        return [Limit(LimitKind.TASKS, self.number(value), Unit.COUNT, "CHEAT_MAX_TASKS")]

    def number(self, text):
        if text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
        raise UsageError(f"CHEAT_MAX_TASKS is not a number: {text!r}")

    def admit(self, request):
        return Refusal("not this model", "take another") if request.model == "x" else None


class Trusting(HonestPolicy):
    def number(self, text):
        return int(text)


class Silent(HonestPolicy):
    def number(self, text):
        try:
            return super().number(text)
        except UsageError:
            raise UsageError("that is not a number") from None


class Negative(HonestPolicy):
    def number(self, text):
        return super().number(text) - 5


class Panicking(HonestPolicy):
    def admit(self, request):
        return Refusal("too much") if request.tokens > 100 else None


class Speechless(HonestPolicy):
    def admit(self, request):
        return Refusal("") if request.stage is Stage.RUN else None


class Counting(HonestPolicy):
    count = 0

    def admit(self, request):
        self.count += 1
        return Refusal("enough") if self.count > 5 else None


class Waiting(HonestPolicy):
    def admit(self, request):
        time.sleep(0.06)


class Hanging(HonestPolicy):
    def admit(self, request):
        threading.Event().wait()


class Deaf(HonestPolicy):
    def settle(self, spending):
        raise RuntimeError("cannot hear")


class Forgetful(HonestPolicy):
    def __init__(self):
        self.open = {"r/t#1/1": 1}

    def settle(self, spending):
        del self.open[spending.call]


class Eager(HonestPolicy):
    def stages(self, limits):
        return "model"


class Impatient(HonestPolicy):
    def admit(self, request):
        return Refusal("not now", retry_after=-1.0) if request.model == "x" * 300 else super().admit(request)


class Vague(HonestPolicy):
    def left(self, request):
        return {"spend.day": "some"}


class HonestSource:
    def check(self, placeholder, scope, report):
        if placeholder.path != ("name",) and not placeholder.is_optional:
            report(f"there is no {'.'.join(placeholder.path)}")

    def depends_on(self, placeholder):
        return ()

    def resolve(self, placeholder, values):
        if placeholder.path == ("name",):
            return "Ada"
        raise TemplateValueError("there is no such thing")


class Careless(HonestSource):
    def resolve(self, placeholder, values):
        return {"name": "Ada"}[placeholder.path[0]]


class Shouting(HonestSource):
    def check(self, placeholder, scope, report):
        if placeholder.path == ("a", "b", "c"):
            raise TemplateValueError("no!")


class Changing(HonestSource):
    def resolve(self, placeholder, values):
        if "a" in values.outputs:
            values.outputs.pop("a")
        return super().resolve(placeholder, values)


class Looking(HonestSource):
    def resolve(self, placeholder, values):
        Path("/etc/hosts").read_text()
        return super().resolve(placeholder, values)


class Wrong(HonestSource):
    def resolve(self, placeholder, values):
        super().resolve(placeholder, values)
        return "Bob"


ACCOUNTS = (Hanging, Deaf, Forgetful, Eager, Impatient, Vague)
POLICIES = (HonestPolicy, Trusting, Silent, Negative, Panicking, Speechless, Counting, Waiting, *ACCOUNTS)
SOURCES = (HonestSource, Careless, Shouting, Changing, Looking, Wrong)


@hookimpl
def nika_limit_policies():
    return [
        LimitPolicy(name=each.__name__, summary="A test.", policy=f"{__name__}:{each.__name__}") for each in POLICIES
    ]


@hookimpl
def nika_template_sources():
    return [
        TemplateSource(name=each.__name__, summary="A test.", source=f"{__name__}:{each.__name__}") for each in SOURCES
    ]
