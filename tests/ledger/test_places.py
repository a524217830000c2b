"""Where a ledger may live, what its name may hold, who may read it, and when it is gone."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.ledgers import ACCOUNT, LEASE, entry

from kling_core import Kling, Sandbox
from kling_core.errors import BudgetExceeded, KlingWarning, LedgerError
from kling_core.ledger import mounts
from kling_core.ledger.ledger import Ledger

SHARED = (
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "drvfs", "virtiofs", "vboxsf", "vmhgfs"),
    *("fuse.vmhgfs-fuse", "prl_fs", "ceph", "cephfs", "fuse.ceph-fuse", "lustre", "beegfs", "gpfs"),
    *("fuse.glusterfs", "orangefs", "fuse.gcsfuse", "fuse.rclone", "fuse.s3fs", "fuse.goofys"),
    *("fuse.blobfuse2", "fuse.mount-s3", "fuse.juicefs", "fuse.sshfs", "fuse.davfs2"),
    *("fuse.mergerfs", "fuse.grpcfuse", "fakeowner", "fuse", "fuse.nobody-knows", "macfuse"),
    *("macfuse_sshfs", "afpfs", "webdav"),
)
LOCAL = (
    *("ext4", "xfs", "btrfs", "zfs", "apfs", "hfs", "tmpfs", "overlay", "f2fs", "exfat", "vfat"),
    *("ntfs3", "fuseblk", "fuse.ntfs-3g", "fuse.fuse-overlayfs", "fuse.gocryptfs", "ecryptfs"),
)


def pretend(monkeypatch: Any, table: str | Exception) -> None:
    """Let the system tell of these mounts."""
    real = Path.read_text

    def read(self: Path, **more: Any) -> str:
        if str(self) != "/proc/self/mounts":
            return real(self, **more)
        if isinstance(table, Exception):
            raise table
        return table

    monkeypatch.setattr(mounts.sys, "platform", "linux")
    monkeypatch.setattr(Path, "read_text", read)


@pytest.mark.parametrize("kind", SHARED)
def test_shared_file_systems_are_refused(kind: str, tmp_path: Path, monkeypatch: Any) -> None:
    """Of networks, hosts, clusters and object stores; also those in user space nobody knows."""
    pretend(monkeypatch, f"overlay / overlay rw 0 0\nsrv {tmp_path} {kind} rw 0 0\n")
    with pytest.raises(LedgerError, match="shared file system") as caught:
        Ledger(tmp_path / "ledger.db", ACCOUNT)
    assert kind in caught.value.message
    assert "postgresql://" in caught.value.fix
    assert not (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize("kind", LOCAL)
def test_local_file_systems_are_taken(kind: str, tmp_path: Path, monkeypatch: Any) -> None:
    """Also the known ones in user space, like a disk of Windows or a container's layers."""
    pretend(monkeypatch, f"overlay / overlay rw 0 0\nsrv {tmp_path} {kind} rw 0 0\n")
    Ledger(tmp_path / "ledger.db", ACCOUNT).close()


@pytest.mark.parametrize(
    "trouble", [PermissionError("no"), FileNotFoundError("none"), OSError(5, "broken")]
)
def test_a_mount_table_that_cannot_be_read(
    trouble: Exception, tmp_path: Path, monkeypatch: Any
) -> None:
    """Is no reason to refuse: what cannot be told is taken for local."""
    pretend(monkeypatch, trouble)
    Ledger(tmp_path / "ledger.db", ACCOUNT).close()


@pytest.mark.parametrize("name", ["a blank", "a\ttab", "back\\slash", "ä\u00a0b\u202f", "a#b", "ü"])
def test_names_of_mounts(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    """As the kernel writes them, with octal escapes; other white space stands for itself."""
    place = tmp_path / name
    place.mkdir()
    escaped = str(place)
    for letter in "\\\t #":
        escaped = escaped.replace(letter, f"\\{ord(letter):03o}")
    pretend(monkeypatch, f"rootfs / ext4 rw 0 0\n\nshort\nserver:/x {escaped} nfs4 rw 0 0\n")
    assert mounts.file_system(place / "deeper") == "nfs4"
    assert mounts.file_system(tmp_path) == "ext4"


def test_the_mount_that_counts(tmp_path: Path, monkeypatch: Any) -> None:
    """Through links, of the file itself where it is mounted alone, and the last one in a place."""
    share, local = tmp_path / "share", tmp_path / "local"
    share.mkdir()
    local.mkdir()
    table = f"r / ext4 rw 0 0\ns {share} ext4 rw 0 0\ns {share} cifs rw 0 0\n"
    table += f"b {local}/alone.db 9p rw 0 0\n"
    pretend(monkeypatch, table)
    (local / "link.db").symlink_to(share / "there.db")
    (tmp_path / "way").symlink_to(share)
    for place in (local / "link.db", tmp_path / "way" / "ledger.db", local / "alone.db"):
        with pytest.raises(LedgerError, match="shared file system"):
            Ledger(place, ACCOUNT)
    Ledger(local / "ledger.db", ACCOUNT).close()


def test_mounts_of_macos(monkeypatch: Any) -> None:
    """As `mount` prints them."""
    table = "/dev/disk3s1 on / (apfs, local)\n//me@nas/x on /Volumes/my share (smbfs, nodev)\n"
    assert mounts._of_darwin(table) == {"/": "apfs", "/Volumes/my share": "smbfs"}


# --- names ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a?b.db", "100%.db", "a#b.db", "%20.db", "a b&c=d.db", "ü?é.db"])
def test_any_name_is_a_name(name: str, tmp_path: Path) -> None:
    """Of exactly this file and no other."""
    place = tmp_path / name
    with_row = Ledger(place, ACCOUNT)
    with_row.prepare(entry("mine"), lease=LEASE)
    assert with_row.place == str(place)
    with_row.close()
    assert {p.name.removesuffix("-wal").removesuffix("-shm") for p in tmp_path.iterdir()} == {name}
    again = Ledger(place, ACCOUNT)
    assert again.row("mine").id == "mine"
    again.close()


def test_what_is_no_place(tmp_path: Path) -> None:
    """Memory, a folder, a pipe, NUL: refused in words, nothing is made."""
    os.mkfifo(tmp_path / "pipe")
    for place, words in (
        (":memory:", "in memory would forget"),
        (tmp_path, "is a folder"),
        (tmp_path / "pipe", "is no file"),
        (f"{tmp_path}/a\0b", "may hold nul"),
    ):
        with pytest.raises(LedgerError, match=words):
            Ledger(place, ACCOUNT)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_relative_place_stays_where_it_was(tmp_path: Path, monkeypatch: Any) -> None:
    """Wherever the program goes later."""
    monkeypatch.chdir(tmp_path)
    ledger = Ledger("ledger.db", ACCOUNT)
    (tmp_path / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "deeper")
    ledger.close()
    ledger.prepare(entry(), lease=LEASE)
    ledger.close()
    assert list((tmp_path / "deeper").iterdir()) == []


@pytest.mark.parametrize("table", ["photos (id)", "meta (key, value)", "meta (name, value, more)"])
def test_the_database_of_another_program(table: str, tmp_path: Path) -> None:
    """Is refused, and not a byte of it is changed, nor who may read it."""
    place = tmp_path / "photos.db"
    with sqlite3.connect(place) as db:
        db.execute(f"CREATE TABLE {table}")
    db.close()
    place.chmod(0o644)
    before = place.read_bytes()
    with pytest.raises(LedgerError, match="database of another program"):
        Ledger(place, ACCOUNT)
    assert stat.S_IMODE(place.stat().st_mode) == 0o644
    with sqlite3.connect(place) as db:
        assert len(db.execute("SELECT name FROM sqlite_master").fetchall()) == 1
    db.close()
    assert len(place.read_bytes()) == len(before)


@pytest.mark.parametrize("version", ["v3", "1", "3"])
def test_a_version_of_another_program(version: str, tmp_path: Path) -> None:
    """Many keep theirs in a table that looks like ours: nothing is written into it."""
    place = tmp_path / "photos.db"
    with sqlite3.connect(place) as db:
        db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        db.execute("INSERT INTO meta VALUES ('version', ?)", (version,))
    db.close()
    with pytest.raises(LedgerError, match="database of another program"):
        Ledger(place, ACCOUNT)
    with sqlite3.connect(place) as db:
        assert db.execute("SELECT * FROM meta").fetchall() == [("version", version)]
    db.close()


def test_a_postgresql_database_of_another_program(postgres_server: Any) -> None:
    """Its tables may stand beside ours, but not under our names."""
    import psycopg

    beside, instead = postgres_server.database(), postgres_server.database()
    for place, name in ((beside, "photos"), (instead, "tasks")):
        with psycopg.connect(place, autocommit=True) as db:
            db.execute(f"CREATE TABLE {name} (id text)")
    Ledger(beside, ACCOUNT).close()
    Ledger(beside, ACCOUNT).close()
    with pytest.raises(LedgerError, match="database of another program"):
        Ledger(instead, ACCOUNT)


# --- who may read it -----------------------------------------------------------------------


def rights(folder: Path) -> set[str]:
    return {f"{stat.S_IMODE(path.stat().st_mode):o}" for path in folder.glob("ledger*")}


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    """Also in a folder that was there before, and with an easy umask; so do log and memory."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    old = os.umask(0)
    try:
        ledger = Ledger(home / "ledger.db", ACCOUNT)
        ledger.prepare(entry(), lease=LEASE)
    finally:
        os.umask(old)
    assert len(list(home.glob("ledger*"))) == 3
    assert rights(home) == {"600"}
    ledger.close()


def test_one_that_others_could_read_is_mended(tmp_path: Path) -> None:
    """And that is said, once; what is shared with a group on purpose stays so."""
    place = tmp_path / "ledger.db"
    Ledger(place, ACCOUNT).close()
    place.chmod(0o664)
    holder = sqlite3.connect(place)
    holder.execute("SELECT count(*) FROM meta").fetchone()  # keeps log and memory, at these rights
    with pytest.warns(KlingWarning, match=r"ledger.db could be read by other users .*0664"):
        ledger = Ledger(place, ACCOUNT)
    assert rights(tmp_path) == {"600"}
    ledger.close()
    holder.close()
    Ledger(place, ACCOUNT).close()
    place.chmod(0o660)
    Ledger(place, ACCOUNT).close()
    assert rights(tmp_path) == {"660"}


# --- gone ----------------------------------------------------------------------------------


def deleted(place: Path) -> None:
    for path in place.parent.glob(f"{place.name}*"):
        path.unlink()


def moved(place: Path) -> None:
    place.rename(place.with_name("moved.db"))


def with_its_folder(place: Path) -> None:
    place.parent.rename(place.parent.with_name("elsewhere"))


def replaced(place: Path) -> None:
    copy = place.with_name("copy.db")
    copy.write_bytes(place.read_bytes())
    copy.replace(place)


WAYS: list[Callable[[Path], None]] = [deleted, moved, with_its_folder, replaced]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")
def test_a_ledger_that_goes_away_under_a_client(
    way: Callable[[Path], None], quick_sandbox: Sandbox, tmp_path: Path
) -> None:
    """Nothing is sent any more, from the first create on: its budget would know of nothing."""
    place = tmp_path / "home" / "ledger.db"
    with Kling(sandbox=quick_sandbox, ledger=place, budget="0.50") as kling:
        kling.text_to_video.create(prompt="a boat")
        before = len(quick_sandbox.tasks)
        way(place)
        for _ in range(3):
            with pytest.raises(LedgerError, match="while this program had it open") as caught:
                kling.text_to_video.create(prompt="a boat")
            assert caught.value.billed == "no"
            assert "Nothing was sent" in caught.value.fix
        with pytest.raises(LedgerError):
            kling.tasks.recent()
        assert len(quick_sandbox.tasks) == before
        if way is not replaced:
            assert not place.exists()


@pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")
def test_a_ledger_that_comes_back(quick_sandbox: Sandbox, tmp_path: Path) -> None:
    """Put back it goes on where it was, and so do its limits."""
    place = tmp_path / "ledger.db"
    with Kling(sandbox=quick_sandbox, ledger=place, budget="0.50") as kling:
        kling.text_to_video.create(prompt="a boat")
        place.rename(tmp_path / "away")
        with pytest.raises(LedgerError):
            kling.text_to_video.create(prompt="a boat")
        (tmp_path / "away").rename(place)
        kling.text_to_video.create(prompt="a boat")
        with pytest.raises(BudgetExceeded):
            kling.text_to_video.create(prompt="a boat")
