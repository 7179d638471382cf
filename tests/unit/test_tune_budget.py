"""Exploration stays within its share."""

import math
import random

import pytest

from halojit.tune.budget import Account, Kind, expected_s


def test_an_advance_is_no_gift() -> None:
    account = Account(0.03, 0.3)
    assert account.left_s == pytest.approx(0.3)
    account.earn(5.0)
    assert account.left_s == pytest.approx(0.3)
    account.spend(Kind.CHALLENGERS, 0.2)
    account.spend(Kind.COMPILERS, 0.05)
    assert account.left_s == pytest.approx(0.05)
    account.earn(20.0)
    assert account.left_s == pytest.approx(0.6 - 0.25)
    assert account.spent_s[Kind.CHALLENGERS] == pytest.approx(0.2)
    assert account.spent_s[Kind.INSTRUMENTED] == 0.0


def test_gains_pay_for_nothing_and_time_does_not_run_back() -> None:
    account = Account(0.03, 0.0)
    account.earn(10.0)
    account.spend(Kind.CHALLENGERS, -5.0)
    account.earn(1.0)
    assert account.left_s == pytest.approx(0.3)


def test_debts_are_waited_for() -> None:
    account = Account(0.03, 0.3)
    account.earn(20.0)
    account.spend(Kind.CHALLENGERS, 0.9)
    assert account.left_s == pytest.approx(-0.3)
    assert not account.may_spend(0.0)
    wait = account.wait_cpu_s(0.06)
    assert wait == pytest.approx(12.0)
    account.earn(20.0 + wait - 0.01)
    assert not account.may_spend(0.06)
    account.earn(20.0 + wait + 0.01)
    assert account.may_spend(0.06)
    assert account.wait_cpu_s(0.06) == 0.0


def test_no_budget_no_exploration() -> None:
    account = Account(0.0)
    account.earn(1e6)
    assert not account.may_spend(0.0)
    assert account.wait_cpu_s(0.0) == math.inf


def test_a_careful_spender_stays_within_the_share() -> None:
    draw = random.Random(1)
    account = Account(0.03, 0.3)
    cpu_s = 0.0
    while cpu_s < 300.0:
        cpu_s += 0.5
        account.earn(cpu_s)
        expected = expected_s(draw.uniform(0.2, 2.0))
        if account.may_spend(expected):
            account.spend(Kind.CHALLENGERS, expected * draw.uniform(0.0, 2.0))
        spent = sum(account.spent_s.values())
        assert spent <= max(0.3, 0.03 * cpu_s) + 0.1, "one step may cost more than expected"
    assert spent > 0.02 * 300.0, "and most of it is used"


def test_a_trial_costs_by_its_length() -> None:
    assert expected_s(2.0) == pytest.approx(0.1)
    assert expected_s(2.0, cpus=4.0, loss=0.5) == pytest.approx(2.0)
