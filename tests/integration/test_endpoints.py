"""Every endpoint with both clients against the sandbox over HTTP: from arguments to files."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.media import decode, picture
from helpers.walk import BYTES, example, in_memory, source_video
from PIL import Image

from kling_core import Kling, Sandbox
from kling_core.declare import registry
from kling_core.declare.endpoint import Endpoint

pytestmark = pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")

ENDPOINTS = [pytest.param(endpoint, id=endpoint.name) for endpoint in registry.endpoints()]


@pytest.fixture(scope="module")
def video_id(quick_sandbox: Sandbox) -> str:
    """A clip of kling-v1-6, which can be extended and lip-synced."""
    with Kling(sandbox=quick_sandbox) as kling:
        return source_video(kling)


@pytest.fixture(scope="module")
def smooth_video_id(shared_sandbox: Sandbox) -> str:
    """The same in the sandbox whose clips have all their frames."""
    with Kling(sandbox=shared_sandbox) as kling:
        return source_video(kling)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_walk(
    endpoint: Endpoint,
    make_driver: Any,
    shared_sandbox: Sandbox,
    smooth_video_id: str,
    tmp_path: Path,
) -> None:
    """Create, get by both ids, list, iterate, wait and download; the file decodes."""
    driver = make_driver(sandbox=shared_sandbox)
    calls, do = getattr(driver.client, endpoint.name), driver.do
    task = do(calls.create(**example(endpoint, smooth_video_id)))
    assert task.task_id.isdigit()
    assert task.status == "submitted"

    assert do(calls.get(task.task_id)).task_id == task.task_id
    if endpoint.external_task_id:
        assert task.external_task_id.startswith("kc-")
        assert do(calls.get(task.external_task_id)).task_id == task.task_id
    else:
        assert task.external_task_id is None

    listed = do(calls.list(size=500))
    assert task.task_id in [other.task_id for other in listed]
    ids = [other.task_id for other in driver.all(calls.iterate(size=2))]
    assert task.task_id in ids
    assert len(set(ids)) == len(ids) >= len(listed)

    seen: list[str] = []
    assert do(task.wait(30, lambda now: seen.append(now.status))) is task
    assert task.done
    assert seen[-1] == task.status == "succeeded"

    assert task.outputs == (task.videos if endpoint.makes == "video" else task.images)
    (output,) = task.outputs
    path = do(output.download(tmp_path / "out"))
    assert path == output.path
    assert [p.name for p in (tmp_path / "out").parent.rglob("*.part")] == []
    look = decode(path)
    if endpoint.makes == "video":
        assert look.codec == "h264"
        assert look.seconds == pytest.approx(float(output.duration), abs=0.2)
    else:
        assert look.codec == "png"
    assert min(look.width, look.height) > 100


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_run(endpoint: Endpoint, driver: Any, video_id: str, tmp_path: Path) -> None:
    """`run` creates, waits and downloads in one call."""
    calls = getattr(driver.client, endpoint.name)
    task = driver.do(calls.run(**example(endpoint, video_id), out=tmp_path, timeout=30))
    assert [output.path.parent for output in task.outputs] == [tmp_path] * len(task.outputs)
    assert all(decode(output.path).width for output in task.outputs)


def test_several_images(driver: Any, tmp_path: Path) -> None:
    """`n` images are `n` outputs, each with a file of its own."""
    task = driver.do(driver.client.image_generation.run(prompt="a fox", n=3, out=tmp_path))
    assert [image.index for image in task.images] == [0, 1, 2]
    assert len({image.path for image in task.images}) == 3
    assert len({image.path.read_bytes() for image in task.images}) == 3


def test_extend_and_lip_sync_of_a_clip(driver: Any) -> None:
    """A clip's own methods put its id in the right field; the lineage is in the answer."""
    do, client = driver.do, driver.client
    made = do(client.text_to_video.create(prompt="a hill", model_name="kling-v1-6"))
    clip = do(made.wait()).videos[0]
    longer = do(do(clip.extend(prompt="then the sea")).wait())
    assert longer.parent_video["id"] == clip.id
    assert longer.videos[0].duration > clip.duration
    again = do(do(longer.videos[0].extend()).wait())
    assert again.videos[0].duration > longer.videos[0].duration
    spoken = do(do(clip.lip_sync("Good morning!", voice_id="oversea_male1")).wait())
    assert spoken.parent_video["id"] == clip.id
    assert decode(do(spoken.videos[0].download())).has_sound


# --- media inputs --------------------------------------------------------------------------

MORE: dict[tuple[str, str], dict[str, Any]] = {
    ("image_to_video", "image_tail"): {
        "model_name": "kling-v1-6",
        "mode": "pro",
        "image": picture(),
    },
    ("image_to_video", "static_mask"): {"model_name": "kling-v1", "image": picture()},
    ("image_generation", "image"): {"prompt": "a pear"},
    ("lip_sync", "audio"): {"video_id": ...},
    ("lip_sync", "video_url"): {"text": "Hello", "voice_id": "oversea_male1"},
    ("video_effects", "images"): {"effect_scene": "hug_pro"},
}
"""What else is needed for media fields that the endpoints' examples do not show."""


FORMS = ("path", "bytes", "file", "data", "pil", "numpy", "url", "output")
FORMS_OF = {
    "video": ("url", "output"),
    "audio": ("path", "bytes", "file", "data", "url"),
    "mask": FORMS[:-1],
}
"""Video goes by URL only; no endpoint makes sounds or masks."""


def _media_fields() -> list[tuple[Endpoint, str]]:
    return [
        (endpoint, param.name)
        for endpoint in registry.endpoints()
        for param in endpoint.media_params
        if param.name in endpoint.example or (endpoint.name, param.name) in MORE
    ]


def _media_cases() -> list[Any]:
    return [
        pytest.param(endpoint, field, form, id=f"{endpoint.name}-{field}-{form}")
        for endpoint, field in _media_fields()
        for form in FORMS_OF.get(endpoint.request.params()[field].media or "", FORMS)
    ]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder and the URL under which its files are served."""
    folder = tmp_path_factory.mktemp("served")
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


def test_every_media_field_is_tried() -> None:
    """No media field of any endpoint is left out of the tests below."""
    tried = {(endpoint.name, field) for endpoint, field in _media_fields()}
    assert tried == {(e.name, p.name) for e in registry.endpoints() for p in e.media_params}


@pytest.mark.parametrize("endpoint, field, form", _media_cases())
def test_media(
    endpoint: Endpoint,
    field: str,
    form: str,
    kling: Kling,
    video_id: str,
    host: tuple[Path, str],
    quick_sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    """Each media field takes each form; the server receives the same picture, sound or URL."""
    param = endpoint.request.params()[field]
    kind = param.media or ""
    value, expected = _form(form, kind, kling, host, tmp_path)
    given = example(endpoint, video_id)
    if (endpoint.name, field) in MORE:
        given = {k: video_id if v is ... else v for k, v in MORE[endpoint.name, field].items()}
    given[field] = [value, in_memory("image")] if param.many else value
    task = getattr(kling, endpoint.name).create(**given)
    _close(value)
    received = _received(quick_sandbox, task.task_id, endpoint, field)
    if isinstance(expected, bytes):
        assert _pixels(received, kind) == _pixels(base64.b64encode(expected).decode(), kind)
    else:
        assert received == expected
    task.wait(30)


def _form(
    form: str,
    kind: str,
    kling: Kling,
    host: tuple[Path, str],
    folder: Path,
) -> tuple[Any, bytes | str]:
    """A media input in that form, and the bytes or the URL that must arrive."""
    folder_served, base = host
    data = BYTES.get(kind, b"")
    name = "input.wav" if kind == "audio" else "input.png"
    path = folder / name
    path.write_bytes(data)
    encoded = base64.b64encode(data).decode()
    match form:
        case "path":
            return path, data
        case "bytes":
            return data, data
        case "file":
            return path.open("rb"), data
        case "data":
            mime = "audio/wav" if kind == "audio" else "image/png"
            return f"data:{mime};base64,{encoded}", data
        case "pil":
            return Image.open(io.BytesIO(data)), data
        case "numpy":
            with Image.open(io.BytesIO(data)) as image:
                return np.asarray(image), data
        case "url" if kind == "video":
            return "https://videos.example/clip.mp4", "https://videos.example/clip.mp4"
        case "url":
            (folder_served / f"{kind}-{name}").write_bytes(data)
            url = f"{base}/{kind}-{name}"
            return url, url
        case _ if kind == "video":
            output: Any = kling.text_to_video.create(prompt="a face").wait().videos[0]
            return output, output.url
        case _:
            output = kling.image_generation.create(prompt="a person").wait().images[0]
            return output, output.url


def _received(sandbox: Sandbox, task_id: str, endpoint: Endpoint, field: str) -> str:
    (task,) = [t for t in sandbox.tasks if t.task_id == task_id]
    place = endpoint.request.params()[field].wire or field
    body: Any = task.request
    if field == "audio":
        body = task.request["input"]
        return body.get("audio_file") or body["audio_url"]
    for key in place.split("."):
        body = body[key]
    if isinstance(body, list):
        body = body[0]
    return body["image"] if isinstance(body, dict) else body


def _pixels(encoded: str, kind: str) -> Any:
    data = base64.b64decode(encoded, validate=True)
    if kind == "audio":
        return data
    with Image.open(io.BytesIO(data)) as image:
        return image.size, image.convert("RGB").tobytes()


def _close(value: Any) -> None:
    if isinstance(value, (io.IOBase, Image.Image)):
        value.close()


def test_file_bytes_arrive_as_they_are(kling: Kling, tmp_path: Path) -> None:
    """A file is not encoded anew: what the server gets is what lies on the disk."""
    data = picture(kind="JPEG")
    (tmp_path / "photo.jpg").write_bytes(data)
    task = kling.image_to_video.create(image=tmp_path / "photo.jpg")
    assert kling.sandbox is not None
    (received,) = [t.request for t in kling.sandbox.tasks if t.task_id == task.task_id]
    assert base64.b64decode(str(received["image"])) == data
