"""Every code is explained, and nothing else is."""

from nika_core import codes
from nika_core.explanations import EXPLANATIONS

ALL = {value for name, value in vars(codes).items() if name.isupper() and isinstance(value, str)}


def test_the_table_knows_exactly_the_codes_that_can_be_raised() -> None:
    assert set(EXPLANATIONS) == ALL


def test_every_explanation_says_what_why_and_how_to_fix_it() -> None:
    for explanation in EXPLANATIONS.values():
        for text in (explanation.title, explanation.meaning, explanation.example, explanation.fix):
            assert text.strip(), explanation.code
