"""What a plugin's author needs to test a plugin: conformance kits, fakes, and whole workflows in a test.

    from nika_core.testing import KeywordConformance

    class TestGreet(KeywordConformance):
        word = "greet"
        payload = {"who": "Ada"}

The same rules without pytest: `nika_core.testing.description_checks`, `keyword_checks`, `provider_checks`,
`ability_checks`, `source_checks`, `policy_checks`, `command_checks`, `notifier_checks`, `secret_checks`,
`observer_checks`, `backend_checks`, `project_checks` and, for what stands in the project file, `settings_checks`. Names
are imported when they are used; only the kits need pytest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nika_core.testing.backend_kit import BackendConformance
    from nika_core.testing.case import Case
    from nika_core.testing.clock import ManualClock
    from nika_core.testing.command_checks import call_nika
    from nika_core.testing.command_kit import CommandConformance
    from nika_core.testing.errors import NotConformant
    from nika_core.testing.fakes import FakeStepContext
    from nika_core.testing.fault_server import FaultAnswer, FaultServer, ReceivedRequest
    from nika_core.testing.keyword_kit import KeywordConformance
    from nika_core.testing.mcp_scenario import McpScenario, read_mcp_scenarios
    from nika_core.testing.notifier_kit import NotifierConformance
    from nika_core.testing.observer_kit import ObserverConformance
    from nika_core.testing.odd_mcp import OddMcpServer, odd_mcp_command
    from nika_core.testing.payloads import FakePayload, FakeReport
    from nika_core.testing.policy_kit import LimitPolicyConformance
    from nika_core.testing.project_kit import ProjectTemplateConformance
    from nika_core.testing.provider_kit import ProviderConformance
    from nika_core.testing.raw_server import RawServer
    from nika_core.testing.scenario import Scenario, read_scenarios
    from nika_core.testing.scenario_reader import ScenarioError
    from nika_core.testing.scenario_server import ScenarioServer
    from nika_core.testing.scripted import ScriptedModel, model_reply
    from nika_core.testing.secret_kit import SecretSourceConformance
    from nika_core.testing.source_kit import TemplateSourceConformance
    from nika_core.testing.workbench import (
        RunOutcome,
        Workbench,
        plan_workflow,
        run_workflow,
        start_workflow,
        validate_workflow,
    )

__all__ = [
    "BackendConformance",
    "Case",
    "CommandConformance",
    "FakePayload",
    "FakeReport",
    "FakeStepContext",
    "FaultAnswer",
    "FaultServer",
    "KeywordConformance",
    "LimitPolicyConformance",
    "ManualClock",
    "McpScenario",
    "NotConformant",
    "NotifierConformance",
    "ObserverConformance",
    "OddMcpServer",
    "ProjectTemplateConformance",
    "ProviderConformance",
    "RawServer",
    "ReceivedRequest",
    "RunOutcome",
    "Scenario",
    "ScenarioError",
    "ScenarioServer",
    "ScriptedModel",
    "SecretSourceConformance",
    "TemplateSourceConformance",
    "Workbench",
    "call_nika",
    "model_reply",
    "odd_mcp_command",
    "plan_workflow",
    "read_mcp_scenarios",
    "read_scenarios",
    "run_workflow",
    "start_workflow",
    "validate_workflow",
]

_MODULES: Final = {
    "BackendConformance": "backend_kit",
    "Case": "case",
    "CommandConformance": "command_kit",
    "FakePayload": "payloads",
    "FakeStepContext": "fakes",
    "FaultAnswer": "fault_server",
    "FaultServer": "fault_server",
    "ReceivedRequest": "fault_server",
    "KeywordConformance": "keyword_kit",
    "LimitPolicyConformance": "policy_kit",
    "ManualClock": "clock",
    "McpScenario": "mcp_scenario",
    "NotConformant": "errors",
    "OddMcpServer": "odd_mcp",
    "NotifierConformance": "notifier_kit",
    "ObserverConformance": "observer_kit",
    "FakeReport": "payloads",
    "ProjectTemplateConformance": "project_kit",
    "ProviderConformance": "provider_kit",
    "RawServer": "raw_server",
    "Scenario": "scenario",
    "ScenarioError": "scenario_reader",
    "ScenarioServer": "scenario_server",
    "ScriptedModel": "scripted",
    "SecretSourceConformance": "secret_kit",
    "TemplateSourceConformance": "source_kit",
    "call_nika": "command_checks",
    "model_reply": "scripted",
    "odd_mcp_command": "odd_mcp",
    "read_mcp_scenarios": "mcp_scenario",
    "read_scenarios": "scenario",
}


if not TYPE_CHECKING:  # a type checker that sees it takes every misspelt name for right

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'workbench')}"), name)
