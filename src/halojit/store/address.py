"""Where a store is, as users say it: a path or a URL, and what it means for the driver.

In: text. Out: SQLAlchemy's URL, and arguments of the connection. A store holds code that will be
run: between machines it travels under TLS with a verified certificate, unless the URL itself asks
for less; never in the clear.
"""

from __future__ import annotations

import ipaddress
import os
from typing import Any

from sqlalchemy import URL, exc, make_url

from halojit.store.errors import StoreError

BUSY_S = 5
CONNECT_S = 5
STATEMENT_S = 15

EXAMPLE = "give a path, or postgresql://USER:PASSWORD@HOST/DATABASE"
SECRETS = ("password", "sslpassword", "passfile")
IN_THE_CLEAR = ("disable", "allow", "prefer")
SYSTEM_ROOTS = 160000
"""The first libpq that knows `sslrootcert=system`."""


def parsed(text: str) -> URL:
    """Raises StoreError."""
    if "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except (exc.SQLAlchemyError, ValueError):
        raise StoreError(f"cannot open the store: its URL cannot be read; {EXAMPLE}") from None
    if backend == "sqlite":
        return url.set(drivername="sqlite")
    if backend != "postgresql":
        raise StoreError(f"cannot open the store: {backend} is not known; {EXAMPLE}")
    if url.query.get("sslmode") in IN_THE_CLEAR and not is_local(url):
        raise StoreError(
            f"cannot open the store {shown(url)}: code would travel between machines in the clear; "
            "take sslmode out of the URL, or say verify-full"
        )
    return url.set(drivername="postgresql+psycopg")


def shown(url: URL) -> str:
    """As logs may have it."""
    return url.difference_update_query(SECRETS).render_as_string(hide_password=True)


def is_local(url: URL) -> bool:
    """Does it stay on this machine? What libpq may find elsewhere (services) is not known to."""
    if "service" in url.query or "PGSERVICE" in os.environ:
        return False
    hosts = [url.host or "", *_listed(url, "host"), *_listed(url, "hostaddr")]
    if not any(hosts):
        hosts = [*os.environ.get("PGHOST", "").split(","), os.environ.get("PGHOSTADDR", "")]
    return all(_is_here(host) for host in hosts)


def options(url: URL) -> dict[str, Any]:
    """Arguments of create_engine; what the URL says itself is not among them."""
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY_S}}
    defaults: dict[str, Any] = {
        "connect_timeout": CONNECT_S,
        "tcp_user_timeout": STATEMENT_S * 1000,
        "keepalives_idle": STATEMENT_S,
        "keepalives_interval": BUSY_S,
        "keepalives_count": 3,
        "application_name": "halo",
        # A database of no encoding answers with bytes otherwise. All our text is ASCII.
        "client_encoding": "utf8",
    }
    if not is_local(url):
        defaults |= _tls(url)
    given = {key: value for key, value in defaults.items() if key not in url.query}
    # No prepared statements: connection poolers do not keep them.
    return {"connect_args": given | {"prepare_threshold": None}, "pool_pre_ping": True}


def _tls(url: URL) -> dict[str, str]:
    from psycopg import pq

    if "sslmode" in url.query:
        return {}
    mode = {"sslmode": "verify-full"}
    return mode | ({"sslrootcert": "system"} if pq.version() >= SYSTEM_ROOTS else {})


def _listed(url: URL, name: str) -> list[str]:
    values = url.query.get(name, "")
    return ",".join([values] if isinstance(values, str) else values).split(",")


def _is_here(host: str) -> bool:
    """A host of a list, with or without its port. Empty: libpq's socket directory."""
    if not host or host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        name, _, port = host.rpartition(":")
        if name and port.isdigit():
            return _is_here(name)
        return host == "localhost"
