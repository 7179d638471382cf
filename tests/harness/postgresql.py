"""A real PostgreSQL server, alone in a directory, reached through a Unix socket there.

PostgreSQL refuses to run as root: then it runs as `nobody`.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

USER = "halo"


class Postgresql:
    """Use as a context manager; `database` makes an empty one."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        assert found, "no PostgreSQL under /usr/lib/postgresql: `make packages` installs it"
        self._bin = found[-1].parent
        # Not under pytest's directories: those are closed to other users.
        self._dir = Path(tempfile.mkdtemp(prefix="halo-postgresql-"))
        self._as: list[str] = []
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            ids = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}"]
            self._as = ["setpriv", *ids, "--clear-groups"]
            os.chown(self._dir, nobody.pw_uid, nobody.pw_gid)
        self._numbers = itertools.count()
        self._call("initdb", "-D", self._data, "-U", USER, "-A", "trust", "--no-sync")
        self.start()

    @property
    def _data(self) -> Path:
        return self._dir / "data"

    def start(self, more: str = "", address: str = "") -> None:
        """Returns when it answers."""
        options = f"-c unix_socket_directories='{self._dir}' -c fsync=off {more}"
        options += f" -c listen_addresses='{address}'"
        log = self._dir / "log"
        self._call("pg_ctl", "-D", self._data, "-w", "-l", log, "-o", options, "start")

    def serve(self, address: str, certificate: Path) -> str:
        """Listens there too, under TLS, with a certificate that its owner signed himself. The URL
        of a database."""
        with socket.socket() as probe:
            probe.bind((address, 0))
            port = probe.getsockname()[1]
        key, cert = self._data / "server.key", self._data / "server.crt"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        command += ["-subj", "/CN=halo", "-addext", f"subjectAltName=IP:{address}"]
        command += ["-keyout", str(key), "-out", str(cert)]
        subprocess.run([*self._as, *command], check=True, capture_output=True, cwd=self._dir)
        certificate.write_bytes(cert.read_bytes())
        with (self._data / "pg_hba.conf").open("a") as file:
            file.write(f"hostssl all all {address}/32 trust\n")
        self.stop("fast")
        self.start(f"-c ssl=on -c port={port}", address)
        return f"postgresql://{USER}@{address}:{port}/postgres"

    def stop(self, mode: str = "immediate") -> None:
        """Cuts every connection."""
        self._call("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    def pause(self) -> None:
        """No process of it answers any more; nobody is told."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """After `pause`."""
        self._signal(signal.SIGCONT)

    def database(self, encoding: str = "UTF8") -> str:
        """The URL of a new one."""
        name = f"test_{next(self._numbers)}"
        at = ("-h", self._dir, "-U", USER)
        self._call("createdb", *at, "-E", encoding, "-T", "template0", name)
        return f"postgresql://{USER}@/{name}?host={self._dir}"

    def _signal(self, number: signal.Signals) -> None:
        main = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for pid in (main, *map(int, children)):
            os.kill(pid, number)

    def _call(self, program: str, *arguments: str | Path) -> None:
        # To a file: the server inherits what it is given, and would keep a pipe open.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [*self._as, str(self._bin / program), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._dir,
                env={"PATH": os.environ["PATH"], "HOME": str(self._dir), "LC_ALL": "C"},
            )
            output.seek(0)
            assert done.returncode == 0, output.read().decode()

    def __enter__(self) -> Postgresql:
        return self

    def __exit__(self, *_: object) -> None:
        if (self._data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._dir)
