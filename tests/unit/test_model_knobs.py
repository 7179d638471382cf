"""The knobs: one table that people read, search draws from, and the compiler understands."""

import pytest
from native_kit import build, image

from halojit._native import Image
from halojit.model.knobs import FP, KNOBS, native_options

# Loops of several kinds, calls, a switch and a reduction: most knobs find something in it.
SOURCE = """
#include <stddef.h>
static double dot(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}
static int kind(int c) {
  switch (c) {
  case 1: return 9; case 2: return 4; case 3: return 7; case 5: return 1; case 6: return 2;
  }
  return 0;
}
double f(int n, int m, double *a, const double *b, double *c, const int *k) {
  double sum = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++)
      for (int l = 0; l < n; l++)
        c[i * m + j] += a[i * n + l] * b[l * m + j];
  for (int i = 0; i < n; i++)
    if (k[i] > 3) sum += dot(m, a + i * m, b); else a[i] = kind(k[i]) / (b[i] + 1);
  return sum;
}
"""
SETTINGS = [(knob.name, s) for knob in (*KNOBS.values(), FP) for s in knob.settings]


@pytest.fixture(scope="module")
def region() -> Image:
    return image(SOURCE)


@pytest.mark.parametrize("option", SETTINGS, ids="=".join)
def test_the_compiler_knows_every_setting_and_forgets_it(
    option: tuple[str, str], region: Image
) -> None:
    """Settings are variables of the whole process: none may be left for the next build."""
    before = build(region, "f").digest
    options = dict([option])
    if option[0].startswith("polly-"):
        options["polly"] = "all"
    assert build(region, "f", options=native_options(options.items())).data
    assert build(region, "f").digest == before


def test_a_recipe_without_a_change_is_llvms_own() -> None:
    assert native_options((knob.name, knob.settings[0]) for knob in KNOBS.values()) == {}
    assert native_options([("polly-tile-size", "8")]) == {}
    assert native_options([("polly-tile-size", "8"), ("polly", "on")]) != native_options(
        [("polly", "on")]
    )


def test_search_can_not_draw_other_rounding() -> None:
    assert not any("fp" in options for k in KNOBS.values() for options in k.applies.values())
    assert native_options([("fp", "fast")]) == {"fp": "fast"}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("spin", "left"), 'there is no knob "spin"'),
        (("slp", "2"), 'knob "slp" can not be "2", but on, off'),
        (("fp", "loose"), 'knob "fp" can not be "loose", but strict, contract, fast'),
    ],
)
def test_what_is_not_in_the_table_is_refused(option: tuple[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        native_options([option])


def test_every_knob_is_explained_in_a_line() -> None:
    for name, knob in KNOBS.items():
        assert name == knob.name
        assert 10 < len(knob.doc) < 120
        assert knob.doc[-1] != "."
        assert len(set(knob.settings)) == len(knob.settings) >= 2
