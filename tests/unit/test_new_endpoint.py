"""The test of the house: an endpoint is its declaration and its rows; all else is made of them.

Each test adds an endpoint in memory and meets it in one place. Nothing in the packages knows it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.agents import in_loop, server
from helpers.media import picture
from helpers.new_endpoint import MODEL, Puppets, added, puppets
from mcp import Client

from docs import generate_endpoints, generate_stub, generate_tools
from kling_core import AsyncKling, Kling, endpoints
from kling_core.cli.main import main
from kling_core.commands.arguments import HelpShown
from kling_core.declare import choices, kinds, registry
from kling_core.declare.declaration_faults import faults
from kling_core.declare.endpoint import Endpoint, Request
from kling_core.declare.fields import Part, param
from kling_core.endpoints import text_to_video
from kling_core.rules.conditions import Given
from kling_core.rules.rules import Only
from kling_jupyter.completion import offers
from kling_jupyter.parsing import grammar
from kling_jupyter.widgets.form_spec import spec
from kling_mcp.settings import Settings, toolset_names
from kling_mcp.tools import tools

GOOD = {"video_id": "831922345719271433", "prompt": "a bear dances"}


@pytest.fixture(autouse=True)
def endpoint() -> Iterator[Endpoint]:
    """The endpoint, there for one test."""
    with added(puppets()) as made:
        yield made


def test_it_has_a_field_of_every_kind():
    """So that no kind is left out of the walk."""

    def found(part: type[Part]) -> Iterator[type]:
        for declared in part.params().values():
            kind = kinds.kind_of(declared)
            yield from (type(kind), type(kinds.innermost(kind)))
            inner = kinds.part_of(declared)
            yield from found(inner) if inner is not None else ()

    every = {
        *(kinds.Text, kinds.Number, kinds.OneOf, kinds.Switch, kinds.Flag, kinds.Named),
        *(kinds.Medium, kinds.Id, kinds.Piece, kinds.ListOf),
    }
    assert set(found(Puppets)) == every


# --- Python --------------------------------------------------------------------------------


@pytest.fixture(params=[Kling, AsyncKling])
def resource(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    """The endpoint of a client of either kind, which has no network."""
    client = request.param(api_key="key", home=tmp_path)
    assert "puppets" in dir(client)
    yield client.puppets
    closed = client.close()
    if closed is not None:
        asyncio.run(closed)


def test_the_client_checks_and_quotes_it(resource):
    """Fields, rules, model and price are those of its declaration and its rows."""
    assert resource.check(**GOOD).ok
    assert resource.request(**GOOD).check().fields["model_name"] == MODEL
    assert str(resource.quote(**GOOD, duration=10)).startswith("2 units ($0.28)")
    wrong = resource.check(prompt="a bear", strings=1, wires=2, tags=["a", "b", "c", "d"])
    assert {v.field for v in wrong.violations} == {"strings", "wires", "tags", "video_id"}
    (length,) = resource.check(**GOOD, duration=7).violations
    assert length.valid == "duration=5 or duration=10"


def test_media_and_texts_are_judged_wherever_they_stand(resource):
    """A picture inside an object of a list is read, and a text there has to be one."""
    joint = {"at": 5, "picture": picture(), "caption": "None"}
    found = resource.check(**GOOD, joints=[joint, {"at": 95, "picture": "nowhere.png"}])
    assert [v.field for v in found.violations] == ["joints.1.at"]
    found = resource.check(**GOOD, joints=[joint, {"at": 9, "picture": "nowhere.png"}])
    assert [v.field for v in found.violations] == ["joints.0.caption", "joints.1.picture"]
    good = resource.check(**GOOD, joints=[{"at": 5, "picture": picture()}])
    assert good.ok
    assert good.fields["joints"][0]["picture"].size == len(picture())


def test_the_client_tells_its_fields(resource):
    """Signature and docstring of `create` have them, and the stub for type checkers."""
    assert "strings: How many strings." in type(resource).create.__doc__
    stub = generate_stub.render()
    assert "class PuppetsResource(Resource):" in stub
    fields = stub.partition("class PuppetsFields(TypedDict, total=False):")[2]
    assert '    tempo: float | None\n    """How fast."""\n' in fields


def test_what_it_cannot_have_is_known(endpoint):
    """The choices of its fields are tried against its rules and its model."""
    found = choices.judge(endpoint.request(**GOOD))
    assert "duration" not in found.choices
    assert found.fields["video_url"] == "only one of video_id and video_url may be given"
    assert [c.value for c in choices.choices(endpoint, "model_name")] == [MODEL]
    assert [c.value for c in choices.choices(endpoint, "duration")] == ["5", "10"]


# --- command line --------------------------------------------------------------------------


@pytest.fixture
def kling(capsys, tmp_path, monkeypatch):
    """Runs a command line; gives exit code, stdout and stderr."""
    monkeypatch.setenv("KLING_HOME", str(tmp_path))

    def run(*argv: str) -> tuple[int, str, str]:
        code = main(list(argv))
        return (code, *capsys.readouterr())

    return run


def test_the_command_line_has_it(kling):
    """Help tells every field by its kind; a dry run shows the body, the path and the price."""
    code, text, _ = kling("run", "puppets", "--help")
    assert code == 0
    for shown in (
        "--model-name MODEL", "--stage street|theatre", "--music [on|off]", "--bow [on|off]",
        "-s, --strings N", "--tempo N", "-d, --duration SECONDS", "--voice-id VOICE",
        "--backdrops FILE", "--video-id VIDEO", "--video-url URL", "--tags TEXT", "--joints JSON",
    ):  # fmt: skip
        assert f"  {shown}" in text, shown
    line = ("run", "pup", "--dry-run", "--video-id", "7", "-s", "3", "--tags", "a", "--tags", "b")
    code, out, err = kling(*line, "--voice-id", "oversea_male1", "--no-bow", "a bear dances")
    assert code == 0, err
    sent = {"prompt": "a bear dances", "model_name": MODEL, "strings": "3", "video_id": "7"}
    body = json.loads(out)
    assert body["tags"] == ["a", "b"]
    assert body["bow"] is False
    assert {**body, **sent, "strings": 3} == body
    assert "POST /v1/videos/puppets" in err
    assert "1 unit ($0.14)" in err
    code, _, err = kling("run", "puppets", "--dry-run", "a bear dances")
    assert code == 1
    assert "video_id or video_url is needed" in err


def test_the_tables_have_it(kling):
    """`kling models` has its model and the voices to choose from, `kling quote` its price."""
    code, out, _ = kling("models")
    assert code == 0
    assert "puppets" in out
    assert MODEL in out
    assert "oversea_male1" in kling("models", "puppets")[1]
    assert json.loads(kling("models", "puppets", "--json")[1])["puppets"]["voices"]
    assert "$0.14" in kling("quote", "puppets", "--video-id", "7", "a bear")[1]


# --- notebook ------------------------------------------------------------------------------


def test_the_magic_reads_it(endpoint):
    """The prompt is free text; options are its fields; help is that of the declaration."""
    read = grammar.generation(endpoint, "--video-id 7 -s 3 --music a bear, dancing", None, {})
    assert read.fields == {
        "video_id": "7", "strings": "3", "music": "on", "prompt": "a bear, dancing"
    }  # fmt: skip
    with pytest.raises(HelpShown, match="Make a puppet play"):
        grammar.generation(endpoint, "--help", None, {})


def test_the_magic_completes_it():
    """Tab offers the endpoint, its options, and the values of those."""

    def offered(line: str) -> list[str]:
        found = offers(None, line, 0, line)  # pyright: ignore[reportArgumentType]
        assert found is not None
        return [offer.text for offer in found[1]]

    assert {"puppets", "pup"} <= set(offered("%kling "))
    assert {"--tempo", "--strings", "--joints"} <= set(offered("%kling puppets --"))
    assert offered("%kling puppets --stage ") == ["street", "theatre"]
    assert offered("%kling puppets --model-name ") == [MODEL]
    assert "oversea_male1" in offered("%kling puppets --voice-id ")


def test_the_form_has_it(endpoint):
    """Every field is in its section, with the kind that the page builds."""
    sections = {s["name"]: {f["name"]: f for f in s["fields"]} for s in spec(endpoint)["sections"]}
    everything = {name: f for fields in sections.values() for name, f in fields.items()}
    assert {name: f["kind"] for name, f in everything.items()} == {
        "prompt": "area", "video_id": "text", "video_url": "media", "backdrops": "list",
        "model_name": "choice", "stage": "choice", "music": "flag", "strings": "number",
        "duration": "choice", "voice_id": "choice", "bow": "flag", "tempo": "number",
        "tags": "list", "joints": "list", "external_task_id": "text", "callback_url": "text",
    }  # fmt: skip
    assert {"prompt", "video_id", "video_url", "backdrops"} <= set(sections["input"])
    assert everything["model_name"]["default"] == MODEL
    assert everything["tags"]["item"]["kind"] == "text"
    inside = {f["name"]: f["kind"] for f in everything["joints"]["item"]["fields"]}
    assert inside == {"at": "number", "picture": "media", "caption": "text"}


# --- MCP -----------------------------------------------------------------------------------


def test_the_server_has_its_tool():
    """The tool is in the toolset that the declaration names, with the schema of its fields."""
    assert toolset_names() == ("video", "image", "toys", "tasks", "account", "raw")
    assert "kling_puppets" not in {tool.name for tool in tools(Settings())}
    (tool,) = tools(Settings(toolsets=("toys",)))
    assert tool.name == "kling_puppets"
    assert "Usually $0.14, 1 to 10 minutes" in tool.description
    strict = tool.strict["properties"]
    assert strict["prompt"] | {"description": ""} == {
        "type": "string", "maxLength": 80, "description": ""
    }  # fmt: skip
    assert strict["stage"]["enum"] == ["street", "theatre"]
    assert strict["strings"] | {"description": ""} == {
        "type": "integer", "minimum": 2, "maximum": 9, "default": 4, "description": ""
    }  # fmt: skip
    assert (strict["duration"]["minimum"], strict["duration"]["maximum"]) == (5, 10)
    assert strict["tags"]["items"] == {"type": "string"}
    assert strict["joints"]["items"]["required"] == ["at", "picture"]
    assert (strict["music"]["type"], strict["bow"]["type"]) == ("boolean", "boolean")
    assert strict["tempo"]["type"] == "number"


def test_what_answers_at_once_is_not_asked_for_again():
    """The tools that get and list are those of endpoints that have tasks."""

    def raw() -> set[str]:
        return {tool.name for tool in tools(Settings(toolsets=("raw",)))}

    both = {"kling_get_puppets", "kling_list_puppets"}
    assert both <= raw()
    registry.remove("puppets")
    registry.add(puppets(call="answer"))
    assert not both & raw()


@in_loop
async def test_the_server_lists_it(quick_sandbox, tmp_path):
    """A client sees the tool, asks for its facts and its price, and is told what is wrong."""
    async with Client(server(quick_sandbox, tmp_path, toolsets=("toys", "account"))) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert "kling_puppets" in listed
        known = await client.call_tool("kling_models", {"endpoint": "puppets"})
        assert known.structured_content["default_model"] == MODEL
        assert known.structured_content["rare_arguments"].keys() == {"tags", "joints"}
        price = await client.call_tool("kling_puppets", {**GOOD, "dry_run": True})
        assert price.structured_content["cost"]["quote_usd"] == 0.14
        refused = await client.call_tool("kling_puppets", {"prompt": "a bear", "dry_run": True})
        assert refused.is_error


# --- pages ---------------------------------------------------------------------------------


def test_the_pages_have_it():
    """The reference has its row, its example and its fields; the page of tools its tool."""
    text = generate_endpoints.render()
    assert "| [`puppets`](#puppets) | `puppets`, `pup` | `/v1/videos/puppets` | videos |" in text
    section = text.partition("\n## puppets\n")[2].partition("\n## ")[0]
    assert "kling.puppets.create(" in section
    for row in (
        "| `prompt` | What it plays. | at most 80 characters | required |",
        "| `stage` | Where it plays. | `street`, `theatre` | `street` |",
        "| `strings` | How many strings. | 2 to 9 | `4` |",
        "| `backdrops` | What hangs behind. | image list |  |",
        "| `tags` | Words to find it by. | 1 to 3 entries |  |",
    ):
        assert row in section, row
    assert "\n## toys (off unless asked for)\n" in generate_tools.page()


# --- what is judged ------------------------------------------------------------------------


class Strange(Request):
    """Made of fields that cannot be."""

    wires: Any = param(doc="How many.", short="w")
    width: str | None = param(default=None, doc="How wide.", short="w", choices="voices/opera")


class Strings(Request):
    """Pull strings."""

    count: int = param(doc="How many.")


_STEP: Any = {"request": Strings, "rules": (), "features": {}, "positional": "", "example": {}}
STEP = puppets(name="pull", call="answer", aliases=(), **_STEP)
TASK = puppets(name="puppets_add", aliases=(), **_STEP)


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"routes": {}}, "it has no route"),
        ({"routes": {"v9": "/v9/puppets"}}, "the route of 'v9' is of no edition"),
        ({"routes": {"v1": "v1/puppets/{id}"}}, "'v1/puppets/{id}' is no route"),
        ({"call": "chat"}, "call='chat' is none of 'task', 'answer', 'session', 'collection'"),
        ({"makes": "videos"}, "makes='videos' is none of 'video', 'image'"),
        ({"pool": "cellar", "pack": "gold"}, "pack='gold' is none of"),
        ({"toolset": ""}, "it names no toolset"),
        ({"steps": (STEP,)}, "call='task' has no further calls"),
        ({"call": "session"}, "a session needs its steps"),
        ({"call": "session", "steps": (STEP,)}, "not named puppets_ with a word behind it"),
        ({"call": "collection", "steps": (TASK,)}, "puppets_add does not answer at once"),
        ({"presets": {"v1": "/v1/presets"}}, "call='task' has no further calls"),
        ({"deletes": True}, "what deletes answers at once"),
        ({"rules": (Only("wires", when=Given("prompt")),)}, "Only speaks of the field 'wires'"),
        ({"rules": (Only("tags", when=Given("wires")),)}, "Only speaks of the field 'wires'"),
        ({"features": {"x": Given("wires")}}, "feature x speaks of the field 'wires'"),
        ({"positional": "words"}, "positional speaks of the field 'words', which is not there"),
        ({"weight": "wires"}, "weight speaks of the field 'wires'"),
        ({"example": {"wires": 3}}, "example speaks of the field 'wires'"),
        ({"request": Strange}, "width chooses from 'voices/opera', which is none of models, "),
        ({"request": Strange}, "two fields have the short option -w"),
        ({"request": Strange}, "no kind of field is known for wires"),
        ({"aliases": ("t2v",)}, "'t2v' is the name of another endpoint"),
        ({"name": "text_to_video"}, "'text_to_video' is the name of another endpoint"),
    ],
)
def test_a_wrong_declaration_is_refused(changes, says):
    """With everything that is wrong, and the file in which it stands; nothing is registered."""
    registry.remove("puppets")
    with pytest.raises(registry.InvalidDeclaration) as caught:
        registry.add(puppets(**changes))
    registry.add(puppets())
    assert says in caught.value.message
    assert caught.value.message.startswith(
        ("new_endpoint.py declares", "test_new_endpoint.py declares")
    )
    assert str(Path(__file__).parents[1]) in caught.value.fix


def test_a_declaration_without_a_row_is_refused():
    """Whether an endpoint is alive is data, and must be said."""
    with pytest.raises(registry.InvalidDeclaration, match=r"endpoints\.json has no row"):
        registry.add(puppets(name="marionettes", aliases=()))


def test_a_wrong_file_in_the_folder_is_named(tmp_path, monkeypatch):
    """Whoever lists or asks for endpoints is told the file; the others can still be loaded."""
    source = (Path(text_to_video.__file__)).read_text(encoding="utf-8")
    source = source.replace('name="text_to_video"', 'name="odd"').replace('aliases=("t2v",),', "")
    (tmp_path / "odd.py").write_text(source.replace('positional="prompt"', 'positional="pormpt"'))
    monkeypatch.setattr(endpoints, "__path__", [*endpoints.__path__, str(tmp_path)])
    registry._forget()
    try:
        assert registry.load("text_to_video").name == "text_to_video"
        for ask in (registry.endpoints, lambda: registry.get("odd")):
            with pytest.raises(registry.InvalidDeclaration, match=r"odd\.py declares odd wrongly"):
                ask()
    finally:
        monkeypatch.undo()
        registry._forget()


def test_each_declaration_of_ours_is_good():
    """None of the endpoints contradicts itself."""
    assert [faults(declared) for declared in registry.endpoints()] == [[]] * len(registry.names())


def test_it_is_gone_afterwards():
    """What was added is nowhere, once it is removed."""
    registry.remove("puppets")
    assert registry.known("puppets") is None
    assert "puppets" not in generate_endpoints.render()
    registry.add(puppets())
