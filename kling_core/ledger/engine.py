"""Opening the ledger's database: SQLite with the settings that keep promises, or PostgreSQL."""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from kling_core.advice import Advice, Text
from kling_core.caller_warnings import notify
from kling_core.errors import ConfigError, LedgerError
from kling_core.ledger.mounts import file_system, shared

_OPEN_ATTEMPTS = 50  # a second in all: SQLite's own waiting does not cover that pragma


def sqlite(path: Path) -> sa.Engine:
    """An engine on a file, which is made when it is missing; only its owner may read it.

    Raises `LedgerError` for a file system that several machines share, a folder that cannot be
    written, or what is no file of ours.
    """
    path = path.absolute()  # wherever the program goes from here
    _named(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise unwritable(path, error) from error
    kind = file_system(path)
    if shared(kind):
        raise LedgerError(
            f"the ledger cannot live on a shared file system ({kind}): {path}",
            cause="Its write-ahead log needs locks, and memory that processes share on one "
            "machine; without them rows get lost.",
            fix="Set KLING_HOME to a local folder, or KLING_LEDGER to a postgresql:// address.",
        )
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise unwritable(path, PermissionError(errno.EACCES, "permission denied"))
    _make(path)
    address = sa.URL.create("sqlite", database=str(path))  # no character of the name is special
    # Threads take turns on a connection, by the pool or by the lock of the one that writes.
    engine = sa.create_engine(address, connect_args={"check_same_thread": False, "timeout": 30})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _named(path: Path) -> None:
    """Refuse what names no place that lasts, and what is no file."""
    if "\0" in str(path):
        raise unwritable(path, ValueError("no name may hold NUL"))
    if path.name == ":memory:":
        raise LedgerError(
            "a ledger in memory would forget what was paid for",
            fix="Give the path of a file; for tests a temporary one.",
        )
    if path.is_dir():
        raise LedgerError(
            f"the ledger {path} is a folder",
            fix=f"Give the path of a file, like {path / 'ledger.db'}; or set KLING_HOME to the "
            "folder.",
        )
    if path.exists() and not path.is_file():
        raise LedgerError(f"the ledger {path} is no file", fix="Give the path of a file.")


def _make(path: Path) -> None:
    """Make a missing file for its owner alone; the files of its log get the same rights."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:  # it was there, or another process was first
        pass
    except OSError as error:
        raise unwritable(path, error) from error


def keep_private(path: Path) -> None:
    """Take a ledger that everybody may read from all but its owner, and say so.

    One that is shared with a group and nobody else was made so on purpose.
    """
    # Rights are lists there; these bits would say nothing.
    if os.name == "nt":
        return
    for file in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        with suppress(OSError):  # not ours to change, or no such file
            rights = stat.S_IMODE(file.stat().st_mode)
            if rights & 0o007:
                file.chmod(rights & 0o700)
                if file == path:
                    notify(
                        f"{path} could be read by other users of this machine ({rights:04o}); "
                        "now only you can: it holds your prompts and the addresses of your clips"
                    )


def identity(path: str) -> tuple[int, int] | None:
    """What tells a file from another of the same name; None when there is none."""
    try:
        facts = os.stat(path)  # noqa: PTH116, asked for in every transaction
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def postgresql(url: str) -> sa.Engine:
    """An engine on PostgreSQL.

    Raises `LedgerError` when its driver is not installed, and `ConfigError` when the address is
    none; that has no cause, which might show a part of the password.
    """
    try:
        address = sa.make_url(url)
    except (exc.ArgumentError, ValueError):  # raised below: from here it would have a cause
        address = None
    # An @ of the password that was not escaped: the rest of the password would be shown as host.
    if address is None or "@" in (address.host or ""):
        raise _no_address()
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    try:
        # Committed: after a wait for the lock a statement must see what its holder has written.
        return sa.create_engine(address, pool_pre_ping=True, isolation_level="READ COMMITTED")
    except ModuleNotFoundError as error:
        raise LedgerError(
            "PostgreSQL needs the psycopg driver", fix="pip install 'kling-suite[postgresql]'"
        ) from error
    except exc.ArgumentError:
        raise _no_address() from None  # its cause quotes the password


def _no_address() -> ConfigError:
    return ConfigError(
        "the ledger's postgresql:// address is no address",
        fix="Write postgresql://USER:PASSWORD@HOST:PORT/NAME; in the password %40 for an @.",
    )


def _configure(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    cursor = connection.cursor()
    for attempt in range(_OPEN_ATTEMPTS):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            break
        except Exception as error:
            if "locked" not in str(error) or attempt == _OPEN_ATTEMPTS - 1:
                raise
            time.sleep(0.02)  # several first openings race for this one pragma
    # With NORMAL a power cut takes the last commits back: a request that went out, and no row.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")  # off unless each connection asks for it
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    read = connection.get_execution_options().get("kling_read")
    driver: Any = connection.connection.driver_connection
    # One that reads first and writes then would fail, not wait, when another wrote in between.
    driver.execute("BEGIN" if read else "BEGIN IMMEDIATE")


def unwritable(path: Path, error: OSError | ValueError) -> LedgerError:
    """The error of a ledger file that cannot be made or written."""
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    return LedgerError(
        f"the ledger {path} cannot be written: {reason}",
        fix="Make the folder writable, or set KLING_HOME to another one.",
    )


def explain(error: BaseException, place: str) -> LedgerError:
    """What an error of the driver means for the user."""
    text = str(error).strip() or type(error).__name__
    words = text.lower()
    # Whole phrases: an address or a name in the text may hold any of these words.
    if "disk is full" in words or "no space left" in words:
        message, fix = "the disk is full", "Make room and try again."
    elif "readonly database" in words or "read-only" in words:
        message, fix = "it is read-only", "Make the file and folder writable."
    elif "malformed" in words or "not a database" in words:
        message = "it is damaged, or a file of another program"
        fix = Text(
            "If it is the ledger, move it aside; ",
            Advice("rescue"),
            " finds every task and output of the last 30 days again.",
        )
    elif "is locked" in words or isinstance(error, exc.TimeoutError):
        message, fix = "another process holds it for too long", "Try again."
    else:
        message, fix = text.splitlines()[0], "Try again."
    return LedgerError(f"the ledger {place} cannot be used: {message}", fix=fix)
