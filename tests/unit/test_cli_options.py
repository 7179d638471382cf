"""Options as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from halojit import paths
from halojit.cli import haloserver, options
from halojit.server.settings import Settings


@pytest.mark.parametrize(
    ("text", "share"), [("3%", 0.03), ("0.03", 0.03), ("0", 0.0), (".5 %", 0.005), ("100%", 1.0)]
)
def test_shares(text: str, share: float) -> None:
    assert options.parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["3", "150%", "-1%", "", "a lot", "1e-2", "nan"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"write 3% or 0\.03"):
        options.parse_share(text)


def test_where_the_store_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert options.parse_store(None) == str(tmp_path / "halo" / "store.sqlite")
    assert options.parse_store("postgresql://host/halo") == "postgresql://host/halo"
    assert options.parse_store("none") == "none"
    with pytest.raises(typer.BadParameter):
        options.parse_store(" ")


def test_where_a_server_is_told_things(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert paths.control_path() == tmp_path / "halo" / "server.sock.control"
    assert paths.control_path(Path("/run/x.sock")) == Path("/run/x.sock.control")


def told(monkeypatch: pytest.MonkeyPatch, *arguments: str, **variables: str) -> Settings:
    """The settings that `haloserver` would serve with."""
    found: list[Settings] = []
    monkeypatch.setattr(haloserver, "_open", lambda listen, path: [])
    monkeypatch.setattr(haloserver, "_run", lambda settings, *rest: found.append(settings))
    done = CliRunner().invoke(haloserver.app, arguments, env=variables, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return found[0]


def test_a_flag_beats_the_environment_and_that_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "server.toml"
    file.write_text('budget = 0.01\ntrials = 7\nfp = "contract"\nstore = "/a/file"\n')
    settings = told(
        monkeypatch,
        "--budget",
        "5%",
        HALO_CONFIG=str(file),
        HALO_BUDGET="9%",
        HALO_TRIALS="8",
    )
    assert (settings.budget, settings.trials) == (0.05, 8)
    assert (settings.fp, settings.store) == ("contract", "/a/file")


def test_a_bad_budget_names_its_option(tmp_path: Path) -> None:
    done = CliRunner().invoke(haloserver.app, [], env={"HALO_BUDGET": "12"})
    assert done.exit_code == 2
    assert "--budget" in done.output
