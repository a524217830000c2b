"""Files in pieces: whole and exact, or refused."""

from __future__ import annotations

import random
import threading

import pytest

from kling_jupyter.widgets.form_uploads import LARGEST, PIECE, UploadRefused, Uploads


def pieces(data: bytes) -> list[bytes]:
    return [data[at : at + PIECE] for at in range(0, len(data), PIECE)]


def send(uploads: Uploads, key: str, data: bytes) -> list[bool]:
    head = {"kind": "chunk", "id": key, "name": "a.png", "size": len(data)}
    return [uploads.take({**head, "i": i}, piece) for i, piece in enumerate(pieces(data))]


def test_thirty_mebibytes_arrive_exact():
    """The largest file comes whole, and only its last piece says so."""
    uploads, data = Uploads(), random.Random(1).randbytes(LARGEST)
    assert send(uploads, "x", data) == [False] * 29 + [True]
    upload = uploads.get("x")
    assert upload is not None
    assert upload.data == data
    assert upload.name == "a.png"


def test_pieces_may_overtake_each_other():
    """In whatever order they come, the file is the same; one that comes twice is refused."""
    data = random.Random(2).randbytes(4 * PIECE + 5)
    head = {"id": "x", "name": "a", "size": len(data)}
    uploads, order = Uploads(), [3, 0, 4, 2, 1]
    took = [uploads.take({**head, "i": i}, pieces(data)[i]) for i in order]
    assert took == [False] * 4 + [True]
    assert getattr(uploads.get("x"), "data", None) == data
    uploads.take({**head, "i": 1}, pieces(data)[1])
    with pytest.raises(UploadRefused, match="one piece twice"):
        uploads.take({**head, "i": 1}, pieces(data)[1])


def test_pieces_of_several_files_may_mix():
    """Two files that come at once, from two threads, do not touch each other."""
    uploads = Uploads()
    files = {key: random.Random(key).randbytes(5 * PIECE + 7) for key in "ab"}
    threads = [threading.Thread(target=send, args=(uploads, *item)) for item in files.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key: getattr(uploads.get(key), "data", None) for key in files} == files


@pytest.mark.parametrize(
    "i, size, length, says",
    [
        (1, 10, 10, "not as large as was said"),
        (0, LARGEST + 1, 10, "at most 31,457,280 can be carried"),
        (0, 10, 11, "not as large as was said"),
        (0, 10, 0, "not as large as was said"),
        (0, 0, 0, "is empty"),
    ],
)
def test_what_makes_no_file_is_refused(i, size, length, says):
    """A piece that does not fit is refused in words, and the file forgotten."""
    uploads = Uploads()
    with pytest.raises(UploadRefused, match=says):
        uploads.take({"id": "x", "name": "a.png", "size": size, "i": i}, bytes(length))
    assert uploads.get("x") is None
    assert send(uploads, "x", b"again") == [True]


def test_a_file_on_its_way_is_not_there_yet():
    """Half a file is none."""
    uploads = Uploads()
    assert not uploads.take({"id": "x", "name": "a", "size": PIECE + 1, "i": 0}, bytes(PIECE))
    assert uploads.get("x") is None


def test_what_nobody_refers_to_is_forgotten():
    """Files that left the form leave the memory; new ones and those on their way stay."""
    uploads = Uploads()
    send(uploads, "x", b"one")
    send(uploads, "new", b"three")
    uploads.keep_only({"x"})
    kept = uploads.put("b.png", b"two")
    uploads.take({"id": "y", "name": "c", "size": PIECE + 1, "i": 0}, bytes(PIECE))
    uploads.keep_only({kept.id})
    assert uploads.get("x") is None
    assert uploads.get("new") is not None
    assert uploads.get(kept.id) == kept
    assert uploads.take({"id": "y", "name": "c", "size": PIECE + 1, "i": 1}, b"2")
