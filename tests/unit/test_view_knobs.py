"""The knobs as a table."""

from __future__ import annotations

import io

from halojit.model.knobs import FP, KNOBS
from halojit.view import knobtable


def test_every_knob_is_told_with_its_settings() -> None:
    file = io.StringIO()
    knobtable.show(KNOBS.values(), (FP,), file)
    words = file.getvalue().split()
    for knob in (*KNOBS.values(), FP):
        assert knob.name in words
        assert set(knob.settings) <= set(words)
    assert "(only by a user)" in file.getvalue().replace("\n", " ")
