"""Inputs of a session that are to succeed."""

from __future__ import annotations

from halojit.repl.session import Session


def run(session: Session, *sources: str) -> None:
    """Runs inputs, of which none may fail or throw."""
    for source in sources:
        outcome = session.run(source)
        assert outcome.is_kept and outcome.exception is None, outcome


def run_clean(session: Session, *sources: str) -> None:
    """As `run`, and clang may have nothing to say of them."""
    for source in sources:
        outcome = session.run(source)
        assert outcome.is_kept and outcome.exception is None, outcome
        assert not outcome.diagnostics, outcome


def value(session: Session, source: str) -> str:
    """The text that an expression shows."""
    outcome = session.run(source)
    assert outcome.value is not None, outcome
    return outcome.value.text
