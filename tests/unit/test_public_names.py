"""The public names, what importing them costs, and that an endpoint is declared in one file."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import kling_core
from docs import generate_stub
from kling_core.declare import registry

NAMES = [
    "APIError",
    "AccountError",
    "AsyncAudio",
    "AsyncImage",
    "AsyncKling",
    "AsyncTask",
    "AsyncVideo",
    "Audio",
    "AuthError",
    "BudgetExceeded",
    "CameraConfig",
    "CameraControl",
    "Check",
    "ConcurrencyLimit",
    "ConfigError",
    "ConnectionFailed",
    "ContentPolicyError",
    "Cost",
    "DownloadError",
    "DuplicateExternalId",
    "DynamicMask",
    "ElementRef",
    "Endpoint",
    "Image",
    "Interrupted",
    "InvalidRequest",
    "Kling",
    "KlingError",
    "KlingWarning",
    "LedgerError",
    "NotFound",
    "Output",
    "PermissionDenied",
    "Point",
    "Quote",
    "RateLimited",
    "Request",
    "RequestRefused",
    "Sandbox",
    "ServerError",
    "Shot",
    "SubmitOutcomeUnknown",
    "Task",
    "TaskFailed",
    "TaskNotFound",
    "UnreadableAnswer",
    "Video",
    "Violation",
    "VoiceRef",
    "WaitTimeout",
    "WatermarkInfo",
    "WebhookRejected",
    "__version__",
]

HEAVY = [
    "httpx",
    "httpcore",
    "pydantic",
    "jwt",
    "PIL",
    "numpy",
    "av",
    "starlette",
    "uvicorn",
    "rich",
    "IPython",
    "sqlalchemy",
    "anyio",
]


def run(code: str, *paths: Path) -> str:
    """What a fresh interpreter prints."""
    root = Path(kling_core.__file__).parents[1]
    found = [str(path) for path in (*paths, root)]
    head = f"import sys; sys.path[:0] = {found!r}\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", head + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_public_names_are_pinned() -> None:
    """A name is added or taken away on purpose only; each one can be had."""
    assert sorted(kling_core.__all__) == sorted(NAMES)
    assert sorted(dir(kling_core)) == sorted(NAMES)
    for name in NAMES:
        assert getattr(kling_core, name) is not None


def test_a_wrong_name_is_an_attribute_error() -> None:
    """The lazy package behaves as a plain one."""
    assert not hasattr(kling_core, "Klingon")
    assert "Klingon" not in dir(kling_core)


def test_import_is_light() -> None:
    """`import kling_core` loads none of the libraries that its parts need."""
    code = f"""
        import kling_core
        kling_core.__all__, dir(kling_core)
        print(*[name for name in {HEAVY!r} if name in sys.modules])
    """
    assert run(code) == ""


def test_reading_declarations_is_light() -> None:
    """Declarations, codes and the catalog load no HTTP, no media and no validation library."""
    code = f"""
        from kling_core import errors
        from kling_core.catalog import tables
        from kling_core.declare import registry
        from kling_core.wire import error_codes
        registry.endpoints(), tables.models()
        print(*[name for name in {HEAVY!r} if name in sys.modules])
    """
    assert run(code) == ""


def test_stub_is_fresh() -> None:
    """`resources.pyi` says what the declarations say now."""
    stub = Path(kling_core.__file__).with_name("resources.pyi")
    assert generate_stub.render() == stub.read_text(encoding="utf-8"), "run make generate"


def test_registry_knows_names_and_aliases() -> None:
    """An endpoint is found by its name, its hyphenated name and its aliases."""
    assert set(registry.names()) == {
        "image_generation",
        "image_to_video",
        "lip_sync",
        "multi_image_to_video",
        "text_to_video",
        "video_effects",
        "video_extension",
        "virtual_try_on",
    }
    spellings = {
        "t2v": "text_to_video",
        "text-to-video": "text_to_video",
        "i2v": "image_to_video",
        "extend": "video_extension",
        "effects": "video_effects",
        "image": "image_generation",
        "try-on": "virtual_try_on",
        "try_on": "virtual_try_on",
    }
    for spelling, name in spellings.items():
        assert registry.get(spelling).name == name
    with pytest.raises(kling_core.KlingError, match="did you mean text-to-video"):
        registry.get("text-to-vidoe")


NEW_ENDPOINT = '''
"""A new endpoint."""

from __future__ import annotations

from kling_core.declare import shared_fields
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.declare.fields import param


class NewThing(Request):
    """Make a new thing."""

    prompt: str = param(doc="What it is.", max_length=10, unit="characters")
    image: shared_fields.MediaInput | None = param(default=None, doc="A picture.", media="image")
    wobble: float | None = param(default=None, doc="How much.", ge=0, le=2)
    external_task_id: str | None = shared_fields.external_task_id_param()


ENDPOINT = Endpoint(
    name="new_thing",
    call="task",
    routes={"v1": "/v1/videos/new-thing"},
    request=NewThing,
    makes="video",
    pool="video",
    pack="video",
    toolset="video",
    source="nowhere",
    aliases=("nt",),
    positional="prompt",
    example={"prompt": "a thing"},
)
'''


PREPARED = """
        import kling_core.endpoints
        from kling_core.catalog import tables
        kling_core.endpoints.__path__.append({folder!r})
        rows = tables.load("endpoints.json")["endpoints"]
        rows["new_thing"] = {{**rows["text_to_video"], "status": "active"}}
"""
"""The file is in the folder, and the catalog has its row."""


def test_a_new_endpoint_is_one_file(tmp_path: Path) -> None:
    """A module in the folder of endpoints is enough for client, stub and command line."""
    (tmp_path / "new_thing.py").write_text(NEW_ENDPOINT, encoding="utf-8")
    code = f"""{PREPARED.format(folder=str(tmp_path))}
        from docs import generate_stub
        from kling_core import AsyncKling, Kling
        from kling_core.declare import registry

        assert "new_thing" in registry.names()
        assert registry.get("nt") is registry.get("new-thing") is registry.load("new_thing")
        for client in (Kling(api_key="k"), AsyncKling(api_key="k")):
            assert "new_thing" in dir(client)
            create = client.new_thing.create
            import inspect
            assert "wobble" in inspect.signature(create).parameters
            assert "How much." in create.__doc__
            found = client.new_thing.check(prompt="x" * 11, wobble=3, wibble=1).violations
            assert sorted(v.field for v in found) == ["prompt", "wibble", "wobble"]
            assert client.new_thing.check(prompt="a thing", wobble=2).ok

        stub = generate_stub.render()
        assert "class NewThingResource(Resource):" in stub
        fields = stub.partition("class NewThingFields(TypedDict, total=False):")[2]
        assert "    wobble: float | None\\n" in fields
        assert fields.count("How much.") == 1
        assert "    prompt: Required[str]\\n" in fields
        assert "def new_thing(self) -> NewThingAsyncResource: ..." in stub
        print("seen")
    """
    assert run(code) == "seen"


def test_a_new_endpoint_has_a_command(tmp_path: Path) -> None:
    """The parser that the command line and the magics use knows it, with its options."""
    (tmp_path / "new_thing.py").write_text(NEW_ENDPOINT, encoding="utf-8")
    code = f"""{PREPARED.format(folder=str(tmp_path))}
        from kling_core.commands import arguments
        from kling_core.declare import registry

        text = arguments.build(registry.get("new-thing"), prog="kling run new-thing").format_help()
        assert "--wobble" in text and "--image" in text and "How much." in text, text
        print("seen")
    """
    assert run(code) == "seen"
