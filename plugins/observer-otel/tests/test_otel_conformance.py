"""Does the plugin keep what the interface promises?"""

from __future__ import annotations

import pytest

from nika_core.testing import ObserverConformance


class TestOtel(ObserverConformance):
    word = "otel"

    @pytest.fixture(autouse=True)
    def _nobody_listens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTEL_SDK_DISABLED", "false")
        for signal in ("TRACES", "METRICS"):
            self.environ = {**self.environ, f"OTEL_{signal}_EXPORTER": "none"}


class TestRefusing(ObserverConformance):
    """With a collector that nobody can reach, which is the user's to repair."""

    word = "otel"
    failing = {}

    @pytest.fixture(autouse=True)
    def _closed_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")

    test_it_takes_note_of_a_run = None
    test_it_takes_note_whatever_happens = None
    test_it_takes_note_of_much_and_of_a_run_that_breaks_off = None
