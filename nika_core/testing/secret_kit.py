"""The conformance kit of secret sources, as a base class for pytest."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nika_core.plugin import SecretSource
from nika_core.registry import Kind, Registry
from nika_core.testing import description_checks, secret_checks, settings_checks


class SecretSourceConformance:
    """Every rule for a secret source, one test each.

        class TestVault(SecretSourceConformance):
            word = "vault"
            secret = "token"
            value = "s3cret-value"

            def prepare(self, folder):
                path = folder / "vault.json"
                path.write_text('{"token": "s3cret-value"}')
                return {"ACME_VAULT": str(path)}

            def prepare_failing(self, folder):
                return {"ACME_VAULT": str(folder)}

    Attributes:
        word: the source's name.
        secret: the name of a secret that it has after `prepare`.
        value: this secret's value.
        absent: the name of a secret that it does not have.
        settings: what stands under its key in a project file; None: it has no settings.
    """

    word: ClassVar[str]
    secret: ClassVar[str] = "token"  # noqa: S105  # its name
    value: ClassVar[str] = "s3cret-value"
    absent: ClassVar[str] = "no_such_secret"
    settings: Any = None

    @pytest.fixture(autouse=True)
    def _folder_of_the_project(self, tmp_path: Path) -> None:
        self.folder = tmp_path.resolve()

    def prepare(self, folder: Path) -> Mapping[str, str]:
        """Store the secret, and return the environment variables with which it is found; for a subclass."""
        raise NotImplementedError

    def prepare_failing(self, folder: Path) -> Mapping[str, str] | None:
        """Return the environment variables with which the secret cannot be had; None: there is no such case."""
        return None

    @property
    def timeout(self) -> float:
        """Return the seconds that the description gives it."""
        return Registry().secret_source(self.word).timeout

    def maker(self, environ: Mapping[str, str]) -> Callable[[], SecretSource]:
        """Return what makes the source as the kernel does, with these variables beside PATH and HOME."""
        small = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return partial(secret_checks.make_source, self.word, self.settings, {**small, **environ}, self.folder)

    def test_its_description_and_its_entry_point_agree(self) -> None:
        description_checks.check_description(Kind.SECRET_SOURCE, self.word)

    def test_importing_it_imports_nothing_heavy(self) -> None:
        description_checks.check_light_import(Kind.SECRET_SOURCE, self.word)

    def test_importing_it_is_quiet(self) -> None:
        description_checks.check_quiet_import(Kind.SECRET_SOURCE, self.word)

    def test_its_settings_refuse_unknown_keys(self) -> None:
        if self.settings is None:
            pytest.skip("it has no settings")
        settings_checks.check_strict_settings(self.word, self.settings)

    def test_it_returns_what_it_has_and_none_for_the_rest(self) -> None:
        make = self.maker(self.prepare(self.folder))
        secret_checks.check_returns(make, self.secret, self.value, self.absent, self.timeout)

    def test_it_takes_any_name(self) -> None:
        secret_checks.check_any_name(self.maker(self.prepare(self.folder)), self.timeout)

    def test_it_takes_many_calls_at_once(self) -> None:
        make = self.maker(self.prepare(self.folder))
        secret_checks.check_many_fetches(make, self.secret, self.value, self.timeout)

    def test_it_says_where_it_looks(self) -> None:
        secret_checks.check_places(self.maker(self.prepare(self.folder)), self.secret, self.value)

    def test_what_cannot_be_had_is_an_error_for_the_user(self) -> None:
        environ = self.prepare_failing(self.folder)
        if environ is None:
            pytest.skip("there is no sample that fails")
        secret_checks.check_fetch_failure(self.maker(environ), self.secret, self.value, self.timeout)
