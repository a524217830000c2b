"""Which file system holds a folder, and whether a ledger can live on it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

__all__ = ["file_system", "shared"]

SHARED = {
    # of another machine
    *("nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "auristorfs"),
    *("coda", "afpfs", "webdav", "webdavfs", "davfs", "ftp", "sshfs", "curlftpfs"),
    # of a host, lent to a guest or a container
    *("9p", "v9fs", "drvfs", "virtiofs", "vboxsf", "vmhgfs", "hgfs", "prl_fs", "prl_fs_freeze"),
    *("fakeowner", "grpcfuse", "osxfs"),
    # of a cluster
    *("ceph", "cephfs", "lustre", "glusterfs", "beegfs", "fhgfs", "gpfs", "mmfs", "orangefs"),
    *("pvfs2", "panfs", "gfs", "gfs2", "ocfs2", "moosefs", "mfs", "weka", "wekafs", "daos"),
    *("juicefs", "curvefs", "quobyte", "acfs", "maprfs"),
    # without the shared memory of a write-ahead log, or of an object store
    *("s3fs", "gcsfuse", "goofys", "rclone", "blobfuse", "blobfuse2", "macfuse", "osxfuse"),
}
"""File systems whose locks or shared memory are not those of one machine."""

LOCAL_FUSE = {
    *("fuseblk", "fuse.ntfs-3g", "fuse.lowntfs-3g", "fuse.ntfs", "fuse.exfat", "fuse.exfat-fuse"),
    *("fuse.fuse2fs", "fuse.ext2", "fuse.ext4", "fuse.fuse-ext2", "fuse.zfs", "fuse.btrfs"),
    *("fuse.fuse-overlayfs", "fuse.gocryptfs", "fuse.encfs", "fuse.bindfs"),
}
"""File systems in user space that are of this machine: disks, layers of containers, encryption."""


def shared(kind: str) -> bool:
    """Whether a ledger on this kind of file system could lose what is paid for.

    Of those in user space only the known local ones are trusted: most of them stand for an object
    store or another machine, and none tells whether its locks are honest.
    """
    kind = kind.lower()
    if kind in SHARED:
        return True
    in_user_space = kind == "fuse" or kind.startswith(("fuse.", "macfuse", "osxfuse", "fusefs"))
    return in_user_space and kind not in LOCAL_FUSE


def file_system(folder: Path) -> str:
    """The kind of file system that holds `folder`; empty when it cannot be told."""
    folder = folder.resolve()
    if folder.drive.startswith("\\\\"):  # Windows, which tells a mapped drive by this name too
        return "smb"
    mounts = _mounts()
    inside = [place for place in (folder, *folder.parents) if str(place) in mounts]
    return mounts[str(inside[0])] if inside else ""


def _mounts() -> dict[str, str]:
    """The kind of file system by the place where it is mounted; of several in one place the last.

    Empty when the system does not tell.
    """
    try:
        if sys.platform == "linux":
            path = Path("/proc/self/mounts")
            # A mount may be named by any bytes.
            return _of_linux(path.read_text(encoding="utf-8", errors="surrogateescape"))
        if sys.platform == "darwin":
            done = subprocess.run(["/sbin/mount"], capture_output=True, check=False, timeout=10)
            return _of_darwin(done.stdout.decode(errors="surrogateescape"))
    except (OSError, subprocess.SubprocessError):  # not to know is no reason to refuse
        pass
    return {}


def _of_linux(table: str) -> dict[str, str]:
    rows = (line.split(" ") for line in table.split("\n"))
    return {_unescaped(row[1]): row[2] for row in rows if len(row) > 2}


def _unescaped(place: str) -> str:
    r"""A path as it is: the kernel writes blank, tab, line break and backslash as `\040` …"""
    return re.sub(r"\\([0-3][0-7]{2})", lambda found: chr(int(found[1], 8)), place)


def _of_darwin(table: str) -> dict[str, str]:
    mounts: dict[str, str] = {}
    for line in table.splitlines():
        # The last bracket: the name of a volume may hold one too.
        place, _, facts = line.partition(" on ")[2].rpartition(" (")
        mounts[place] = facts.partition(",")[0].rstrip(")")
    return mounts
