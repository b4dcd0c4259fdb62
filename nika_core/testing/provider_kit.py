"""The conformance kit of providers, as a base class for pytest."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import pytest

from nika_core.plugin import Client
from nika_core.registry import Kind, Registry
from nika_core.registry.loading import make
from nika_core.testing import ability_checks, description_checks, provider_checks, scenario_checks
from nika_core.testing.fault_server import FaultServer, Wire, openai_wire
from nika_core.testing.scenario import Scenario, read_scenarios


class ProviderConformance:
    """Every rule for a provider, one test each, against a server on loopback.

        class TestAcme(ProviderConformance):
            word = "acme"
            model = "acme-large"

            def environ(self, url: str) -> dict[str, str]:
                return {"ACME_BASE_URL": url, "ACME_API_KEY": self.key}

    Attributes:
        word: the provider's name.
        model: a model that it has.
        wire: writes the server's answers; OpenAI's format unless said otherwise. None: the provider uses no network.
        key: a key that may be shown nowhere.
        scenarios: files of odd answers that it has to cope with (see `read_scenarios`): the names of files that are
            shipped (`claude`, `openai`, `openai-responses`, `ollama`) and paths. None: `openai` if `wire` is OpenAI's.
        excused: scenarios that make no sense for it, to the reason.
    """

    word: ClassVar[str]
    model: ClassVar[str]
    wire: ClassVar[Callable[..., object] | None] = staticmethod(openai_wire)
    key: ClassVar[str] = "sk-conformance-0123456789"
    scenarios: ClassVar[Sequence[str | Path] | None] = None
    excused: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of each scenario."""
        if "scenario" in metafunc.fixturenames:
            files = self.scenarios
            if files is None:
                files = ("openai",) if getattr(type(self), "wire", None) is openai_wire else ()
            found = [scenario for file in files for scenario in read_scenarios(file)]
            metafunc.parametrize("scenario", found, ids=[each.name for each in found])

    def environ(self, url: str) -> Mapping[str, str]:
        """Return the variables with which a client uses the server at `url` (`http://127.0.0.1:PORT`)."""
        return {}

    def make(self, url: str = "") -> Client:
        """Make a client as the kernel does."""
        registry = Registry()
        record = registry.record(Kind.PROVIDER, self.word)
        provider = registry.provider(self.word)
        settings: tuple[dict[str, str], ...] = () if provider.settings is None else ({},)
        client: Client = make(record, provider.client, dict(self.environ(url)), *settings)
        return client

    @contextmanager
    def server(self) -> Iterator[FaultServer]:
        """Start the server; skip the test if the provider uses none."""
        wire: Wire | None = self.wire  # type: ignore[assignment]  # a static method is its function
        if wire is None:
            pytest.skip("it uses no network")
        with FaultServer(wire) as server:
            yield server

    @contextmanager
    def reached(self) -> Iterator[Callable[[], Client]]:
        """Return a function that makes clients of a server that works."""
        if self.wire is None:
            yield self.make
            return
        with self.server() as server:
            yield lambda: self.make(server.url)

    def test_its_description_and_its_entry_point_agree(self) -> None:
        description_checks.check_description(Kind.PROVIDER, self.word)

    def test_its_options_are_checked(self) -> None:
        ability_checks.check_option_names(self.word)

    def test_importing_it_imports_nothing_heavy(self) -> None:
        description_checks.check_light_import(Kind.PROVIDER, self.word)

    def test_importing_it_is_quiet(self) -> None:
        description_checks.check_quiet_import(Kind.PROVIDER, self.word)

    def test_asking_what_it_can_do_costs_nothing(self) -> None:
        provider_checks.check_info(self.word, self.model, self.environ("http://127.0.0.1:9"))
        provider_checks.check_describes(self.make("http://127.0.0.1:9"), self.model)

    def test_it_streams_and_ends_with_the_usage(self) -> None:
        if self.wire is None:
            asyncio.run(provider_checks.check_streams(self.make, self.model))
            return
        with self.server() as server:
            asyncio.run(provider_checks.check_streams(lambda: self.make(server.url), self.model, server))

    def test_it_counts(self) -> None:
        if self.wire is None:
            asyncio.run(provider_checks.check_counts(self.make, self.model))
            return
        with self.server() as server:
            asyncio.run(provider_checks.check_counts(lambda: self.make(server.url), self.model, server))

    def test_it_closes_what_it_opened(self) -> None:
        with self.server() as server:
            asyncio.run(provider_checks.check_closes(lambda: self.make(server.url), self.model, server))

    def test_it_fails_as_what_it_is(self) -> None:
        with self.server() as server:
            make = lambda: self.make(server.url)  # noqa: E731  # shorter than a function for one line
            asyncio.run(provider_checks.check_faults(make, self.model, server, (self.key,)))
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            asyncio.run(provider_checks.check_unreachable(lambda: self.make(url), self.model))

    def test_no_odd_answer_is_taken_for_a_good_one(self, scenario: Scenario) -> None:
        if scenario.name in self.excused:
            pytest.skip(self.excused[scenario.name])
        missing = scenario_checks.needs(scenario, self.make("http://127.0.0.1:9").info(self.model))
        if missing:
            pytest.skip(f"the model has no {missing}")
        asyncio.run(scenario_checks.check_scenario(self.make, self.model, scenario, (self.key,)))

    def test_it_says_truly_what_it_can_do(self) -> None:
        if self.wire is None:
            asyncio.run(ability_checks.check_abilities(self.make, self.model))
            return
        with self.server() as server:
            asyncio.run(ability_checks.check_abilities(lambda: self.make(server.url), self.model, server))
