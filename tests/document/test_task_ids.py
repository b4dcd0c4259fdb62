"""What can be told of a document without any plugin."""

from __future__ import annotations

import pytest

from nika_core.document import declared_tasks


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("tasks: [{id: b, any: x}, {id: a, other: {}}]\nflows: []\n", ("b", "a")),
        ("tasks:\n  - {id: 1}\n  - x\n  - {id: [x]}\n  - {}\n", ("1",)),
        ("tasks: no list\n", ()),
        ("tasks: [{id: a}, {id: b\n", ("a", "b")),
        ("", ()),
        ("- a\n", ()),
        ("\ud800: \x00", ()),
    ],
)
def test_the_ids_of_tasks_are_read_in_declared_order_as_far_as_they_can_be(text: str, ids: tuple[str, ...]) -> None:
    assert declared_tasks(text) == ids
