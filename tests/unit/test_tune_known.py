"""The compiler takes every recipe that search begins with."""

import pytest
from native_kit import build, host_cpu, image

from halojit._native import Image
from halojit.model.knobs import native_options
from halojit.tune.known import KNOWN_GOOD, Good
from halojit.tune.space import Host, Space

SOURCE = """
double f(int n, double *restrict c, const double *a, const double *b) {
  double sum = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      for (int k = 0; k < n; k++)
        c[i * n + j] += a[i * n + k] * b[k * n + j];
  for (int i = 0; i < n; i++) sum += c[i];
  return sum;
}
"""


@pytest.fixture(scope="module")
def region() -> Image:
    return image(SOURCE)


@pytest.mark.parametrize("good", KNOWN_GOOD, ids=lambda good: good.name)
def test_a_known_good_recipe_compiles(good: Good, region: Image) -> None:
    space = Space(Host(*host_cpu()), "strict", has_profile=True)
    point = space.point(good.settings)
    assert point is not None
    recipe = space.recipe(point)
    options = native_options(recipe.options)
    built = build(
        region, "f", cpu=recipe.cpu, features=recipe.features, level=recipe.level, options=options
    )
    assert built.data
