"""The conformance kit of limit policies, as a base class for pytest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from nika_core.plugin import Policy
from nika_core.registry import Kind, Registry
from nika_core.registry.loading import make
from nika_core.testing import description_checks, policy_checks


class LimitPolicyConformance:
    """Every rule for a limit policy, one test each.

        class TestNightly(LimitPolicyConformance):
            word = "nightly"
            variables = ("ACME_MAX_COST",)

    Attributes:
        word: the policy's name.
        variables: the environment variables that it reads.
    """

    word: ClassVar[str]
    variables: Iterable[str] = ()

    def make(self) -> Policy:
        """Make a policy as the kernel does."""
        registry = Registry()
        record = registry.record(Kind.LIMIT_POLICY, self.word)
        description = registry.description(record)
        policy: Policy = make(record, description.policy)  # type: ignore[union-attr]  # the kind says which it is
        return policy

    def environs(self) -> list[Mapping[str, str]]:
        """Return the environments to try."""
        return list(policy_checks.environs(self.variables))

    def test_its_description_and_its_entry_point_agree(self) -> None:
        description_checks.check_description(Kind.LIMIT_POLICY, self.word)

    def test_importing_it_imports_nothing_heavy(self) -> None:
        description_checks.check_light_import(Kind.LIMIT_POLICY, self.word)

    def test_importing_it_is_quiet(self) -> None:
        description_checks.check_quiet_import(Kind.LIMIT_POLICY, self.word)

    def test_its_bounds_are_numbers_or_an_error_that_names_the_variable(self) -> None:
        policy_checks.check_bounds(self.make, self.environs())

    def test_it_admits_or_refuses_and_never_raises(self) -> None:
        policy_checks.check_admit(self.make)

    def test_it_takes_what_it_is_told_of_what_was_spent(self) -> None:
        policy_checks.check_accounts(self.make)

    def test_its_answers_do_not_depend_on_order(self) -> None:
        policy_checks.check_order(self.make, self.environs())

    def test_it_never_makes_a_run_wait(self) -> None:
        policy_checks.check_quick(self.make, self.environs())
