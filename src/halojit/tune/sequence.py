"""How far a mean may be from its estimate, at every look at once.

In: how many values there are. Out: the squared radius of a confidence sequence, as a share of
their centred sum of squares. An ordinary interval holds at one look; a trial is looked at ten times
a second and ends when it likes what it sees, which needs intervals that hold at all looks together.

The boundary is Robbins' Gaussian mixture with the variance estimated from the values. For many
values it is the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas,
"Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 2024,
valid for any noise of finite variance. For few values that one is too narrow (the variance of eight
is hardly known: 3.1 standard errors where 4.8 are right), so this is the same mixture over mean by
deviation, exact for Gaussian noise from the second value on: Lai, "On confidence sequences", Annals
of Statistics 1976; Wang & Ramdas, "Anytime-valid t-tests and confidence sequences for Gaussian
means with unknown variance", 2025. Both agree in the limit.
"""

from __future__ import annotations

import math


def mixture(alpha: float, values: float) -> float:
    """The mixture's variance (rho squared) that gives the narrowest interval at so many values."""
    doubt = -2.0 * math.log(alpha)
    return (doubt + math.log(doubt + 1.0)) / values


def radius2(values: float, alpha: float, rho2: float) -> float:
    """Squared radius of the mean over the centred sum of squares; infinite while any mean is
    possible. Each side of the interval fails with half of `alpha`."""
    growth = 1.0 + values * rho2
    evidence = math.exp(math.log(growth / alpha**2) / values)
    if evidence >= growth:
        return math.inf
    return (evidence - 1.0) / (1.0 - evidence / growth) / values


def values_needed(margin: float, deviation: float, alpha: float, rho2: float) -> float:
    """How many values make the radius smaller than `margin`; infinite above a million."""
    if margin <= 0.0:
        return math.inf

    def radius(values: float) -> float:
        return deviation * math.sqrt((values - 1.0) * radius2(values, alpha, rho2))

    low, high = 2.0, 1e6
    if radius(high) >= margin:
        return math.inf
    while high - low > 0.5:
        middle = (low + high) / 2.0 if high < 2.0 * low else math.sqrt(low * high)
        low, high = (low, middle) if radius(middle) < margin else (middle, high)
    return math.ceil(high)
