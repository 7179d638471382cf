"""Addresses, directories and peers."""

import os
import socket
from pathlib import Path

import pytest

from halojit import peers
from halojit.server import sockets
from halojit.server.sockets import ListenError


def test_a_socket_in_a_directory_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "halo" / "server.sock"
    with sockets.unix(path):
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_dead_server_s_socket_is_replaced_a_living_one_s_is_not(tmp_path: Path) -> None:
    path = tmp_path / "halo" / "server.sock"
    sockets.unix(path).close()
    with sockets.unix(path), pytest.raises(ListenError, match="already"):
        sockets.unix(path)


def test_a_directory_open_to_others_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(ListenError, match="0700"):
        sockets.unix(tmp_path / "server.sock")


def test_a_symbolic_link_is_no_directory_of_ours(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ListenError, match="0700"):
        sockets.unix(tmp_path / "link" / "server.sock")


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="107"):
        sockets.unix(tmp_path / "halo" / ("x" * 120))


@pytest.mark.parametrize("address", ["0.0.0.0:1", "example.org:29000", "127.0.0.1:x", "127.0.0.1"])
def test_other_machines_and_nonsense_are_refused(address: str) -> None:
    with pytest.raises(ListenError, match="cannot listen"):
        sockets.tcp(address)


def test_peers_of_the_same_user_are_known_by_both_kinds_of_socket(tmp_path: Path) -> None:
    listening = [sockets.unix(tmp_path / "halo" / "s"), sockets.tcp("127.0.0.1:0")]
    for one in listening:
        with one, socket.socket(one.family) as client:
            client.connect(one.getsockname())
            accepted, _ = one.accept()
            with accepted:
                assert peers.check(accepted)


def test_systemd_s_sockets_are_for_the_process_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert sockets.passed_by_systemd() == []


def test_systemd_hears_that_the_server_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        sockets.notify_systemd("READY=1")
        assert manager.recv(100) == b"READY=1"
