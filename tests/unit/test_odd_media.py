"""Media as hosts, web frameworks, cameras and Macs have it: read, or refused with what to give."""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import unicodedata
import warnings
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Any

import httpx
import pytest
from PIL import Image

from kling_core import AsyncKling, InvalidRequest, Kling, Sandbox
from kling_core.declare import registry
from kling_core.media import inputs, names
from kling_core.media.formats import ImageFacts
from kling_core.media.inputs import Unreadable, read

SCREENSHOT = "Screenshot 2026-11-27 at 9.41.07\u202fAM.png"


def png(size: tuple[int, int] = (400, 300)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, "PNG")
    return buffer.getvalue()


PICTURE = png()


def refused(value: Any, kind: Any = "image") -> tuple[str, str]:
    """The refusal of a value: what is wrong, and what would do."""
    with pytest.raises(Unreadable) as caught:
        read(value, kind, field="image")
    return caught.value.violation.message, caught.value.violation.valid


def content(value: Any) -> bytes:
    with read(value, "image", field="image").open() as stream:
        return stream.read()


@pytest.fixture
def kling() -> Iterator[Kling]:
    with Kling(api_key="k" * 20) as client:
        yield client


# --- file:// -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["my photo.png", "50% #1?.png", "纸船.png", "a+b;c.png"])
def test_an_address_of_a_file(name: str, tmp_path: Path) -> None:
    """As hosts write it: escaped, with and without a host, with one slash or three."""
    path = tmp_path / name
    path.write_bytes(PICTURE)
    uri = path.as_uri()
    for text in (
        uri,
        uri.replace("file://", "file://localhost"),
        uri.replace("file://", "file:"),
        uri.replace("file:", "FILE:"),
    ):
        assert content(text) == PICTURE
    assert content(f"file://{path.as_posix()}".replace("%", "%25")) == PICTURE


@pytest.mark.parametrize(
    "uri, path",
    [
        ("file:///C:/Users/me/a%20b.png", "C:/Users/me/a b.png"),
        ("file:///c|/a.png", "c:/a.png"),
        ("file:/C:/a.png", "C:/a.png"),
        ("file:///C:\\Users\\me\\a.png", "C:/Users/me/a.png"),
        ("https://host/a.png", None),
        ("file:a.png", None),
        ("file", None),
    ],
)
def test_an_address_of_windows(uri: str, path: str | None) -> None:
    """Drives are drives, not folders of the root."""
    assert names.of_uri(uri) == path
    if path is not None:
        assert PureWindowsPath(path).drive


def test_a_file_of_another_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused here; on Windows it is a share."""
    message, valid = refused("file://server/share/a.png")
    assert "another computer, server" in message
    assert valid == "a path"
    monkeypatch.setattr(names.os, "name", "nt")
    assert names.of_uri("file://server/share/a.png") == "//server/share/a.png"


# --- names that look the same --------------------------------------------------------------


@pytest.mark.parametrize(
    "real, typed",
    [
        (SCREENSHOT, SCREENSHOT.replace("\u202f", " ")),
        (unicodedata.normalize("NFD", "café.png"), unicodedata.normalize("NFC", "café.png")),
        (unicodedata.normalize("NFC", "café.png"), unicodedata.normalize("NFD", "café.png")),
        ("a\u00a0b.png", "a b.png"),
        ("한글.png", unicodedata.normalize("NFD", "한글.png")),
        ("a\u200eb.png", "ab.png"),
    ],
)
def test_a_name_that_only_looks_the_same(
    real: str, typed: str, tmp_path: Path, kling: Kling
) -> None:
    """The library says which name is there, in signs that can be told apart."""
    (tmp_path / real).write_bytes(PICTURE)
    assert names.existing(tmp_path / typed) == tmp_path / real
    (wrong,) = kling.image_to_video.check(image=str(tmp_path / typed), prompt="x").violations
    assert "looks the same" in wrong.message
    assert ascii(real) in wrong.valid
    assert not kling.image_to_video.check(image=str(tmp_path / real), prompt="x").violations


def test_a_folder_that_only_looks_the_same(tmp_path: Path) -> None:
    """Names above the file may be decomposed as well."""
    folder = tmp_path / unicodedata.normalize("NFD", "Ärger") / "in"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(PICTURE)
    typed = tmp_path / unicodedata.normalize("NFC", "Ärger") / "in" / "a.png"
    assert names.existing(typed) == folder / "a.png"


def test_two_names_that_look_alike(tmp_path: Path) -> None:
    """Neither is chosen; the one that is told is told by its escapes."""
    for name in ("a\u00a0b.png", "a\u202fb.png"):
        (tmp_path / name).write_bytes(PICTURE)
    assert names.existing(tmp_path / "a b.png") == tmp_path / "a b.png"
    message, _ = refused(str(tmp_path / "a b.png"))
    assert "\\xa0" in message or "\\u202f" in message


def test_a_name_of_which_only_the_beginning_is_known(tmp_path: Path) -> None:
    """`Screenshot.png` means the only one that begins so."""
    (tmp_path / SCREENSHOT).write_bytes(PICTURE)
    assert "did you mean Screenshot 2026" in refused(str(tmp_path / "Screenshot.png"))[0]


@pytest.mark.parametrize("name", ["~backup.png", "~nobodyhere.png"])
def test_a_tilde_that_is_part_of_a_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor's copy is a file like any other; of a user who is not there it does not exist."""
    monkeypatch.chdir(tmp_path)
    assert "no such file" in refused(name)[0]
    assert "no such file" in refused(f"{name}/p.jpg")[0]
    (tmp_path / name).write_bytes(PICTURE)
    assert content(name) == PICTURE


@pytest.mark.parametrize("name", ["~\0.png", "~\ud800.png", "~nobody\0/p.png"])
def test_a_tilde_before_what_is_no_name(name: str) -> None:
    """Whatever the system says of such a user, it is a violation like any other."""
    assert "no such file" in refused(name)[0]


# --- uploads, answers, streams -------------------------------------------------------------


class UploadFile:
    """As FastAPI has it: its read is awaited, a plain file is inside."""

    filename = "a.png"

    def __init__(self, data: bytes = PICTURE) -> None:
        self.file = io.BytesIO(data)

    async def read(self, size: int = -1) -> bytes:
        return self.file.read(size)


class AwaitedFile:
    """As aiofiles and aiohttp have it: nothing plain inside; not declared as a coroutine."""

    def read(self, size: int = -1) -> Any:
        async def later() -> bytes:
            return PICTURE[:size] if size >= 0 else PICTURE

        return later()


@pytest.mark.parametrize("make", [UploadFile, AwaitedFile])
def test_an_upload_whose_read_is_awaited(make: Any, kling: Kling) -> None:
    """The blocking client says what to give; nothing is left that nobody awaited."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (wrong,) = kling.image_to_video.check(image=make(), prompt="x").violations
        gc.collect()
    assert "must be awaited" in wrong.message
    assert "await" in wrong.valid
    assert (".file" in wrong.valid) == (make is UploadFile)
    assert not kling.image_to_video.check(image=UploadFile().file, prompt="x").violations


def test_the_awaiting_client_awaits_an_upload(sandbox: Sandbox) -> None:
    """In `create`, alone and in a list."""

    async def main() -> None:
        async with AsyncKling(sandbox=sandbox) as kling:
            await kling.image_to_video.create(image=UploadFile(), prompt="x")
            with pytest.warns(match="retire"):
                await kling.multi_image_to_video.create(
                    image_list=[UploadFile(png((401, 300))), PICTURE], prompt="x"
                )

    asyncio.run(main())
    one, two = sandbox.tasks
    assert base64.b64decode(one.request["image"]) == PICTURE
    assert len(two.request["image_list"]) == 2


def test_an_http_answer(kling: Kling) -> None:
    """What a download gave is a picture; a page that says 404 is none."""
    assert content(httpx.Response(200, content=PICTURE)) == PICTURE
    assert "HTTP 404" in refused(httpx.Response(404, content=b"gone"))[0]
    unread = httpx.Response(200, content=iter([b"x"]))
    assert "was not read" in refused(unread)[0]


def test_a_stream_that_takes_no_size() -> None:
    """`read()` alone is enough."""

    class Plain:
        def read(self) -> bytes:
            return PICTURE

    assert content(Plain()) == PICTURE


def test_paths_of_a_glob(tmp_path: Path, kling: Kling) -> None:
    """What gives its entries once is read once, and the request has them as often as needed."""
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(PICTURE)
    request = kling.multi_image_to_video.request(image_list=tmp_path.glob("*.png"), prompt="x")
    for one in (request, request.with_parent({}), request.replace(prompt="y")):
        assert not one.check().violations
        assert len(one.check().fields["image_list"]) == 3
    file = (tmp_path / "0.png").open("rb")
    with file:  # a file gives lines, and is no list of them
        assert not kling.image_to_video.check(image=file, prompt="x").violations


# --- base64 --------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [png((400, side)) for side in (300, 301, 302)])
def test_base64_of_any_kind(data: bytes) -> None:
    """With + and / or - and _, with = at its end or without, in lines, in a data URI."""
    plain = base64.b64encode(data).decode()
    safe = base64.urlsafe_b64encode(data).decode()
    for text in (plain, safe, plain.rstrip("="), safe.rstrip("="), "\n".join(plain[:80])):
        if "\n" not in text:
            assert content(text) == data
            assert content(f"data:image/png;base64,{text}") == data
    assert content("\n".join(plain[i : i + 76] for i in range(0, len(plain), 76))) == data


@pytest.mark.parametrize("text", ["ä" * 40, "A" * 41, "data:image/png;base64,A"])
def test_what_is_no_base64(text: str) -> None:
    """Words are names of files, and half a byte is nothing."""
    assert refused(text)[0]


# --- names and ids with blanks -------------------------------------------------------------


@pytest.mark.parametrize("name", [" kling-v2-6", "kling-v2-6\n", "\u00a0kling-v2-6 "])
def test_blanks_around_a_models_name_are_never_sent(name: str, sandbox: Sandbox) -> None:
    """Trimmed: the model is known by its name, and the wire has no blank."""
    with Kling(sandbox=sandbox) as kling:
        verdict = kling.text_to_video.check(prompt=" a boat ", model_name=name)
        assert verdict.ok
        assert verdict.warnings == ()
        assert verdict.fields["prompt"] == " a boat "  # a text is as it was written
        kling.text_to_video.create(prompt="a boat", model_name=name)
    assert sandbox.tasks[-1].request["model_name"] == "kling-v2-6"


def test_blanks_around_an_id_are_never_sent() -> None:
    """Ids are copied from pages, blanks and all."""
    endpoint = registry.get("lip-sync")
    fields = endpoint.request(video_id=" 123 ", text="hello", voice_id=" v ").check().fields
    assert (fields["video_id"], fields["voice_id"]) == ("123", "v")


# --- where Kling cannot reach --------------------------------------------------------------

INSIDE = [
    "https://localhost/a.png",
    "http://127.0.0.1:8000/media/a.png",
    "http://[::1]/a.png",
    "http://192.168.1.4/a.png",
    "http://10.0.0.7:9000/a.png",
    "https://printer.local/a.png",
    "https://nas/a.png",
    "http://169.254.169.254/latest",
]


@pytest.mark.parametrize("url", INSIDE)
@pytest.mark.parametrize("client", [Kling, AsyncKling])
def test_an_address_that_kling_cannot_reach(client: Any, url: str, tmp_path: Path) -> None:
    """A violation in `check()`, and before anything is sent; of callbacks, too."""
    kling = client(api_key="k" * 20, home=tmp_path)
    for fields in ({"image": url}, {"image": PICTURE, "callback_url": url}):
        (wrong,) = kling.image_to_video.check(prompt="x", **fields).violations
        assert "cannot reach" in wrong.message
        assert wrong.field == list(fields)[-1]

        async def create(fields: Any = fields) -> None:
            result = kling.image_to_video.create(prompt="x", **fields)
            if asyncio.iscoroutine(result):
                await result

        with pytest.raises(InvalidRequest, match="cannot reach"):
            asyncio.run(create())
    assert kling.session.ledger().rows() == []
    kling.session.close()


def test_a_callback_address_of_the_settings(tmp_path: Path) -> None:
    """Also when the environment names it: nobody would ever be called."""
    with Kling(api_key="k" * 20, home=tmp_path, callback_url="http://localhost:9/") as kling:
        (wrong,) = kling.text_to_video.check(prompt="x").violations
        assert "KLING_CALLBACK_URL" in wrong.valid


@pytest.mark.parametrize("url", ["https://example.com/a.png", "http://93.184.216.34/a.png"])
def test_an_address_that_everybody_reaches(url: str, kling: Kling) -> None:
    """Hosts of the public network pass, with or without encryption."""
    assert kling.image_to_video.check(image=url, prompt="x").ok


def test_a_sandbox_reaches_its_own_machine(sandbox: Sandbox) -> None:
    """What is local is near to a sandbox, and to a host that is local itself."""
    with Kling(sandbox=sandbox) as kling:
        assert kling.image_to_video.check(image=INSIDE[1], prompt="x").ok
    with Kling(api_key="k", base_url="http://127.0.0.1:9") as kling:
        assert kling.image_to_video.check(image=INSIDE[1], prompt="x").ok


# --- photos that lie on their side ---------------------------------------------------------


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("how", ["opened", "converted", "thumbnail"])
def test_a_photo_arrives_as_it_was_seen(turn: int, how: str, tmp_path: Path) -> None:
    """A Pillow object whose turn is in its EXIF is turned; its top stays its top."""
    seen = Image.new("RGB", (400, 320), "blue")
    seen.paste("red", (0, 0, 400, 80))  # red is up
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[turn]
    exif = Image.Exif()
    exif[0x0112] = turn
    path = tmp_path / "photo.jpg"
    (seen.transpose(stored) if stored is not None else seen).save(path, exif=exif, quality=95)
    with Image.open(path) as photo:
        given = photo.convert("RGB") if how == "converted" else photo
        if how == "thumbnail":
            given.thumbnail((400, 400))
        media = read(given, "image", field="image")
        facts = inputs.facts(media)
    assert isinstance(facts, ImageFacts)
    assert (facts.width, facts.height) == (400, 320)
    with media.open() as stream, Image.open(stream) as sent:
        assert sent.getexif().get(0x0112, 1) == 1
        up, down = sent.convert("RGB").getpixel((200, 30)), sent.convert("RGB").getpixel((200, 290))
    assert (up[0] > 200, up[2] < 100) == (True, True)
    assert (down[2] > 200, down[0] < 100) == (True, True)
