"""What a store's URL means."""

from __future__ import annotations

import pytest

from halojit.store.address import is_local, options, parsed, shown
from halojit.store.errors import StoreError

HERE = [
    "postgresql:///halo",
    "postgresql://localhost/halo",
    "postgresql://127.0.0.1:5433/halo",
    "postgresql://[::1]/halo",
    "postgresql:///halo?host=/run/postgresql",
    "postgresql:///halo?host=/a,localhost:5433",
    "postgresql+psycopg2:///halo?host=@abstract",
]
ELSEWHERE = [
    "postgresql://db.example/halo",
    "postgresql://10.0.0.1/halo",
    "postgresql://localhost.example/halo",
    "postgresql:///halo?host=/a,db.example:5433",
    "postgresql:///halo?host=/a&host=db.example",
    "postgresql://localhost/halo?hostaddr=10.0.0.1",
    "postgresql:///halo?service=halo",
]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("text", HERE)
def test_on_this_machine_the_driver_decides(text: str) -> None:
    assert is_local(parsed(text))
    assert "sslmode" not in options(parsed(text))["connect_args"]
    parsed(f"{text}{'&' if '?' in text else '?'}sslmode=disable")


@pytest.mark.parametrize("text", ELSEWHERE)
def test_between_machines_a_certificate_is_verified(text: str) -> None:
    assert not is_local(parsed(text))
    assert options(parsed(text))["connect_args"]["sslmode"] == "verify-full"
    more = "&" if "?" in text else "?"
    with pytest.raises(StoreError, match="in the clear"):
        parsed(f"{text}{more}sslmode=disable")
    assert "sslmode" not in options(parsed(f"{text}{more}sslmode=require"))["connect_args"]


@pytest.mark.parametrize(("name", "value"), [("PGHOST", "db.example"), ("PGSERVICE", "halo")])
def test_the_environment_has_a_say(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert not is_local(parsed("postgresql:///halo"))


def test_what_the_url_says_stays() -> None:
    given = options(parsed("postgresql:///halo?connect_timeout=60"))["connect_args"]
    assert "connect_timeout" not in given


def test_paths_are_taken_as_they_are() -> None:
    assert parsed("a/b?c#%20.db").database == "a/b?c#%20.db"


def test_secrets_are_not_shown() -> None:
    url = parsed("postgresql://user:secret@/halo?password=secret&passfile=secret&host=/run")
    assert "secret" not in shown(url)
    assert shown(url) == "postgresql+psycopg://user:***@/halo?host=%2Frun"
