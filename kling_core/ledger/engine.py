"""Opening the ledger's database: SQLite with the settings that keep promises, or PostgreSQL."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from kling_core.errors import ConfigError, LedgerError

NETWORK = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "afpfs",
    "ceph",
    "fuse.sshfs",
    "fuse.glusterfs",
    "glusterfs",
    "lustre",
    "webdav",
    "davfs",
}
"""File systems without the shared memory that SQLite's write-ahead log needs."""

_OPEN_ATTEMPTS = 50


def sqlite(path: Path) -> sa.Engine:
    """An engine on a file; its folder is made, readable by its owner only.

    Raises `LedgerError` for a network file system, a folder that cannot be written, or a file that
    is no database.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise unwritable(path, error) from error
    kind = file_system(path.parent)
    if kind in NETWORK:
        raise LedgerError(
            f"the ledger cannot live on a network file system ({kind}): {path}",
            cause="Its write-ahead log needs memory that processes share on one machine.",
            fix="Set KLING_HOME to a local folder, or KLING_LEDGER to a postgresql:// address.",
        )
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise unwritable(path, PermissionError(errno.EACCES, "permission denied"))
    engine = sa.create_engine(
        f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 30}
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def postgresql(url: str) -> sa.Engine:
    """An engine on PostgreSQL.

    Raises `LedgerError` when its driver is not installed, and `ConfigError` when the address is
    none; that has no cause, which might show a part of the password.
    """
    try:
        address = sa.make_url(url)
    except (exc.ArgumentError, ValueError):
        address = None
    if address is None or "@" in (address.host or ""):
        raise _no_address()
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    try:
        return sa.create_engine(address, pool_pre_ping=True, isolation_level="READ COMMITTED")
    except ModuleNotFoundError as error:
        raise LedgerError(
            "PostgreSQL needs the psycopg driver", fix="pip install 'kling-suite[postgresql]'"
        ) from error
    except exc.ArgumentError:
        raise _no_address() from None


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
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    read = connection.get_execution_options().get("kling_read")
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN" if read else "BEGIN IMMEDIATE")


def file_system(folder: Path) -> str:
    """The kind of file system that holds `folder`; empty when it cannot be told."""
    folder = folder.resolve()
    if sys.platform == "linux":
        rows = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
        mounts = {row[1].replace("\\040", " "): row[2] for row in rows}
    elif sys.platform == "darwin":
        text = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=False).stdout
        mounts = {}
        for line in text.splitlines():
            place, _, facts = line.partition(" on ")[2].rpartition(" (")
            mounts[place] = facts.partition(",")[0]
    else:
        return ""
    inside = [p for p in (folder, *folder.parents) if str(p) in mounts]
    return mounts[str(inside[0])] if inside else ""


def unwritable(path: Path, error: OSError) -> LedgerError:
    """The error of a ledger file that cannot be made or written."""
    return LedgerError(
        f"the ledger {path} cannot be written: {(error.strerror or str(error)).lower()}",
        fix="Make the folder writable, or set KLING_HOME to another one.",
    )


def explain(error: BaseException, place: str) -> LedgerError:
    """What an error of the driver means for the user."""
    text = str(error)
    words = text.lower()
    if "full" in words:
        message, fix = "the disk is full", "Make room and try again."
    elif "readonly" in words or "read-only" in words:
        message, fix = "it is read-only", "Make the file and folder writable."
    elif "malformed" in words or "not a database" in words:
        message = "it is damaged"
        fix = "Move it aside; `kling rescue` finds every task and output of the last 30 days again."
    elif "locked" in words:
        message, fix = "another process holds it for too long", "Try again."
    else:
        message, fix = text.strip().splitlines()[0], "Try again."
    return LedgerError(f"the ledger {place} cannot be used: {message}", fix=fix)
