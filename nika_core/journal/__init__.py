"""The history of runs: events to SQLite and back, so that a run can be looked at, resumed and removed.

Standard library only. One writer thread commits in groups; code that needs its records to be durable waits
for a barrier. See `Journal` and `RunRecorder`.
"""

from nika_core.journal.journal import Journal, signed_text
from nika_core.journal.result_store import ResultStore, StoredResult
from nika_core.journal.run_recorder import RunRecorder
from nika_core.journal.values import Recorded, RecordedSignal, RunInfo, RunSummary, new_run_id

__all__ = [
    "Journal",
    "Recorded",
    "RecordedSignal",
    "ResultStore",
    "RunInfo",
    "RunRecorder",
    "RunSummary",
    "StoredResult",
    "new_run_id",
    "signed_text",
]
