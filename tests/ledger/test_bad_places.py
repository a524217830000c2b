"""Ledgers that cannot be used: each its own clear error, and nothing is sent."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from helpers.ledgers import ACCOUNT, LEASE, Moved, entry
from sqlalchemy import event

from kling_core import Kling, Sandbox
from kling_core.errors import LedgerError, SubmitOutcomeUnknown
from kling_core.ledger import engine
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.schema import tasks


@pytest.fixture(scope="module")
def server(quick_sandbox: Sandbox) -> Sandbox:
    return quick_sandbox


@pytest.fixture
def client(server: Sandbox, tmp_path: Path) -> Iterator[Callable[..., Kling]]:
    """Makes clients whose home is the test's own."""
    made: list[Kling] = []

    def make(**options: Any) -> Kling:
        made.append(Kling(sandbox=server, **{"home": tmp_path / "home", **options}))
        return made[-1]

    yield make
    for kling in made:
        kling.close()


def nothing_sent(kling: Kling, words: str) -> LedgerError:
    """Creating fails with these words, and the server never hears of it."""
    assert kling.sandbox is not None
    before = len(kling.sandbox.tasks)
    with pytest.raises(LedgerError, match=words) as caught:
        kling.text_to_video.create(prompt="a boat")
    assert len(kling.sandbox.tasks) == before
    assert "Nothing was sent" in caught.value.fix
    assert caught.value.billed == "no"
    return caught.value


@pytest.mark.parametrize("trouble", ["database or disk is full", "database is locked", None])
def test_a_ledger_that_fails_after_the_post(
    client: Callable[..., Kling], monkeypatch: Any, trouble: str | None
) -> None:
    """Kling has the task: the error names it, says that it is billed, and leads back to it."""
    kling = client(slots=9)
    assert kling.sandbox is not None
    ledger, real = kling.tasks.ledger, Ledger._observe

    def broken(self: Ledger, *args: Any, **more: Any) -> Any:
        if more.get("first"):
            raise sqlite3.OperationalError(trouble) if trouble else sa.exc.TimeoutError("no pool")
        return real(self, *args, **more)

    before = len(kling.sandbox.tasks)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "_observe", broken)
        with pytest.raises(SubmitOutcomeUnknown, match="Kling has the task") as caught:
            kling.text_to_video.create(prompt="a boat")
    (made,) = kling.sandbox.tasks[before:]
    error = caught.value
    assert (error.task_id, error.billed) == (made.task_id, "yes")
    assert "Do not submit again" in error.fix
    assert "othing was" not in str(error)
    assert error.__cause__ is not None
    (row,) = ledger.rows()
    assert row.state == "submitting"
    with ledger._transaction() as db:  # its lease ends
        db.execute(sa.update(tasks).where(tasks.c.id == row.id).values(lease_until=0.0))
    kling.tasks.resume(download=False)
    assert ledger.row(row.id).task_id == made.task_id
    assert len(kling.sandbox.tasks) == before + 1


def test_a_newer_ledger(ledger_place: str) -> None:
    """A schema that this code does not know is left as it is, and the update is named."""
    ledger = Ledger(ledger_place, ACCOUNT)
    with ledger._transaction() as db:
        ledger._set_meta(db, "version", "99")
    ledger.close()
    with pytest.raises(LedgerError, match=r"newer kling-suite \(schema 99; .*pip install -U"):
        Ledger(ledger_place, ACCOUNT)


def test_another_accounts_ledger(client: Callable[..., Kling], monkeypatch: Any) -> None:
    """KLING_LEDGER that names the ledger of another key is refused with both fingerprints."""
    mine = client()
    mine.text_to_video.create(prompt="a boat")
    monkeypatch.setenv("KLING_LEDGER", mine.tasks.ledger.place)
    other = Kling(api_key="another", base_url=mine.base_url, home="unused")
    with other, pytest.raises(LedgerError, match="belongs to another account or host") as caught:
        other.text_to_video.create(prompt="a boat")
    assert mine.session.account in caught.value.cause
    assert other.session.account in caught.value.cause


@pytest.mark.parametrize("content", [b"this is no database, it is a letter" * 40, None])
def test_a_corrupt_file(client: Callable[..., Kling], tmp_path: Path, content: Any) -> None:
    """Foreign bytes, or a ledger with overwritten pages: damaged, with the way back."""
    place = tmp_path / "ledger.db"
    if content is None:
        Ledger(place, "x").close()
        content = place.read_bytes()[:1000] + os.urandom(20000)
    place.write_bytes(content)
    error = nothing_sent(client(ledger=place), "damaged")
    assert "rescue" in error.fix


def test_a_folder_that_cannot_be_written(
    client: Callable[..., Kling], monkeypatch: Any, tmp_path: Path
) -> None:
    """Named before anything is sent, also when the folder cannot even be made."""
    (tmp_path / "file").write_text("in the way")
    nothing_sent(client(home=tmp_path / "file" / "home"), "cannot be written: not a directory")
    real = os.access
    monkeypatch.setattr(os, "access", lambda p, mode: "home" not in str(p) and real(p, mode))
    nothing_sent(client(), "cannot be written: permission denied")


def test_a_file_that_became_read_only(client: Callable[..., Kling]) -> None:
    """A ledger that was open and lets nothing be written any more."""
    kling = client()
    kling.text_to_video.create(prompt="a boat")
    ledger = kling.tasks.ledger
    ledger.close()

    def only_read(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA query_only=ON")

    event.listen(ledger._engine, "connect", only_read)
    nothing_sent(kling, "it is read-only")


def test_a_full_disk_at_the_intent_row(client: Callable[..., Kling]) -> None:
    """The row cannot be written, so nothing is sent; with room again it goes on."""
    kling = client()
    kling.text_to_video.create(prompt="a boat")
    ledger = kling.tasks.ledger
    ledger.close()

    def small(connection: Any, _record: Any) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(ledger._engine, "connect", small)
    assert kling.sandbox is not None
    accepted = len(kling.sandbox.tasks)
    error: LedgerError | None = None
    for _ in range(60):  # the last pages have room for some rows
        try:
            kling.text_to_video.create(prompt="a boat" * 300)
        except LedgerError as caught:
            error = caught
            break
        accepted += 1
    assert error is not None
    assert "the disk is full" in error.message
    assert len(kling.sandbox.tasks) == accepted
    assert len([r for r in ledger.rows() if r.state == "prepared"]) == 0
    event.remove(ledger._engine, "connect", small)
    ledger.close()
    kling.text_to_video.create(prompt="a boat")


def test_a_network_file_system(client: Callable[..., Kling], monkeypatch: Any) -> None:
    """Refused with the reason and both ways out."""
    monkeypatch.setattr(engine, "file_system", lambda _folder: "nfs4")
    error = nothing_sent(client(), r"cannot live on a shared file system \(nfs4\)")
    assert "shared" in error.cause or "share" in error.cause
    assert "KLING_HOME" in error.fix
    assert "KLING_LEDGER" in error.fix


def test_the_innermost_mount_counts(monkeypatch: Any, tmp_path: Path) -> None:
    """The kind of a folder is that of the mount closest above it, with spaces in its name."""
    place = tmp_path / "my share"
    place.mkdir()
    escaped = str(place).replace(" ", "\\040")
    table = f"rootfs / ext4 rw 0 0\nserver:/x {escaped} nfs rw 0 0\n"
    real = Path.read_text
    monkeypatch.setattr(
        Path,
        "read_text",
        lambda self, **k: table if str(self) == "/proc/self/mounts" else real(self, **k),
    )
    assert engine.file_system(place / "deeper") == "nfs"
    assert engine.file_system(tmp_path) == "ext4"


def test_postgresql_out_of_reach(client: Callable[..., Kling]) -> None:
    """A server that does not answer is named, and nothing is sent."""
    place = "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2"
    nothing_sent(client(ledger=place), "cannot be used")


@pytest.mark.parametrize(
    "trouble, said",
    [
        (sqlite3.OperationalError("database or disk is full"), "the disk is full"),
        (OSError("could not extend file: No space left on device"), "the disk is full"),
        (OSError('connection to server at "fulldb.example.com" failed'), "fulldb.example.com"),
        (OSError("blocked by the firewall"), "blocked by the firewall"),
        (sqlite3.OperationalError("database is locked"), "another process holds it"),
        (sa.exc.TimeoutError("QueuePool limit of size 5 reached"), "another process holds it"),
        (OSError(""), "OSError"),
    ],
)
def test_what_the_driver_says(trouble: Exception, said: str) -> None:
    """Is told by its phrases: names in it say nothing, and it may say nothing at all."""
    message = engine.explain(trouble, "x").message
    assert said in message
    assert ("full" in said) == ("full" in message)


def test_all_connections_are_in_use(tmp_path: Path) -> None:
    """As when one of many threads waits for a writer that is suspended: an error of the ledger."""
    ledger = Ledger(tmp_path / "ledger.db", ACCOUNT)
    pool: Any = ledger._engine.pool
    pool._timeout = 0.01
    with ExitStack() as held:
        for _ in range(pool.size() + pool._max_overflow - pool.checkedout()):
            held.enter_context(ledger._transaction(read=True))
        with pytest.raises(LedgerError, match="holds it for too long"):
            ledger.rows()


def test_a_password_stays_out_of_errors(client: Callable[..., Kling]) -> None:
    """The address of a PostgreSQL ledger is shown without its password."""
    place = "postgresql://nobody:hidden-word@127.0.0.1:1/none?connect_timeout=2"
    error = nothing_sent(client(ledger=place), "cannot be used")
    assert "hidden-word" not in str(error) + repr(error) + error.cause


def test_clocks_apart(postgres_server: Any) -> None:
    """With PostgreSQL the database's time counts: an hour's difference breaks no lease."""
    place = postgres_server.database()
    right, moved = Ledger(place, ACCOUNT), Moved()
    moved.offset = 3600.0
    wrong = Ledger(place, ACCOUNT, clock=moved)
    assert abs(right.now() - wrong.now()) < 5
    row, _ = right.prepare(entry(), lease=LEASE)
    assert right.admit(row.id, limit=None, lease=LEASE).admitted
    assert wrong.take(row.id, lease=LEASE) is None
    assert right.lead("watch x", right.owner, seconds=5)
    assert not wrong.lead("watch x", wrong.owner, seconds=5)
    right.close()
    wrong.close()


def test_no_secret_enters(client: Callable[..., Kling], tmp_path: Path) -> None:
    """Neither key nor token is in any file of the ledger, also not after errors."""
    kling = client()
    assert kling.sandbox is not None
    kling.text_to_video.create(prompt="a boat").wait()
    with suppress(Exception):
        kling.text_to_video.get("1")
    files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        for secret in (kling.sandbox.access_key, kling.sandbox.secret_key, "Bearer", "eyJ"):
            assert secret.encode() not in data


def test_only_the_owner_reads(client: Callable[..., Kling]) -> None:
    """The ledger's folder is made for its owner alone; the file is an SQLite one in WAL mode."""
    kling = client()
    kling.text_to_video.create(prompt="a boat")
    place = Path(kling.tasks.ledger.place)
    assert place.parent.stat().st_mode & 0o077 == 0
    with sqlite3.connect(place) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()
    with kling.tasks.ledger._engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar() == 2
