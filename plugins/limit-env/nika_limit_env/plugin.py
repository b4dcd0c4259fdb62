"""The built-in limit policy: every bound from a `NIKA_*` variable, or its default."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.plugin import LimitPolicy, hookimpl

NIKA_API = 1


@hookimpl
def nika_limit_policies() -> Iterable[LimitPolicy]:
    """Return one policy: `env`."""
    return (
        LimitPolicy(
            name="env",
            summary="The NIKA_* variables of the environment, with the defaults of the language page.",
            policy="nika_limit_env.policy:EnvPolicy",
        ),
    )
