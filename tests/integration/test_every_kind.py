"""The test of the house: an endpoint of each kind, added in memory, is met everywhere.

Declarations, contracts and rows are the files of docs/contributing.md, as they stand there. Nothing
in the packages knows them: each is walked through the client of either kind, command line, magic,
form, MCP tool and reference, and all that is sent goes to the sandbox over HTTP.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from helpers.agents import in_loop, server
from helpers.drivers import Driver, drivers
from helpers.house import whole_house
from helpers.sandboxes import FAST
from helpers.shell import Shell
from mcp import Client

from docs import generate_endpoints, generate_stub, generate_tools
from kling_core import Kling, Sandbox, errors
from kling_core.cli.main import main
from kling_core.declare import registry
from kling_core.sandbox import Fault
from kling_jupyter.widgets.form_spec import spec
from kling_mcp.settings import Settings, toolset_names
from kling_mcp.tools import tools

TASKS: dict[str, dict[str, Any]] = {
    "puppet_show": {"prompt": "a bear", "strings": 3},
    "paper_boat": {"prompt": "a gutter", "duration": 3},
    "whistle": {"text": "three blind mice"},
    "patchwork_begin": {"ground": "linen"},
    "dolls": {"doll_name": "Petrushka"},
}
"""A create of each kind that needs no other one before it."""

MAKES = {
    "puppet_show": "video",
    "paper_boat": "video",
    "whistle": "audio",
    "patchwork_begin": "data",
    "dolls": "element",
}
COSTS = {
    "puppet_show": "2",
    "paper_boat": "1.5",
    "whistle": "0.05",
    "patchwork_begin": "0",
    "dolls": "0",
}
EVERY = (*TASKS, "patchwork_add", "patchwork", "dolls_delete")


@pytest.fixture
def house(sandbox: Sandbox) -> Iterator[Sandbox]:
    """A sandbox that serves them all."""
    with whole_house(sandbox):
        yield sandbox


@pytest.fixture(params=["sync", "async"])
def driver(request: pytest.FixtureRequest, house: Sandbox, tmp_path: Path) -> Iterator[Driver]:
    """A client with an API key, as the newer edition wants one."""
    with drivers(request.param, tmp_path / "clips") as make:
        yield make(api_key=house.api_key, base_url=house.url, home=tmp_path / "home")


def resource(driver: Driver, name: str) -> Any:
    return getattr(driver.client, name)


# --- Python --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
def test_the_client_runs_it(name: str, driver: Driver, house: Sandbox) -> None:
    """Checked, quoted, sent, finished, saved, and in the ledger with its cost."""
    one = resource(driver, name)
    assert one.check(**TASKS[name]).ok
    assert one.quote(**TASKS[name]).units == Decimal(COSTS[name])
    task = driver.do(one.run(**TASKS[name]))
    assert (task.status, task.complete) == ("succeeded", True)
    (output,) = task.outputs
    assert output.kind == MAKES[name]
    assert [file.path.exists() for file in task.files] == [True] * (
        output.kind in ("video", "audio")
    )
    known = house_ledger(driver).row(task.row_id)
    assert (known.state, known.endpoint) == ("succeeded", name)
    assert known.quote_units == Decimal(COSTS[name])
    if name != "patchwork_begin":  # whose answer says nothing of a cost
        assert task.cost.units == known.cost_units == Decimal(COSTS[name])
    assert known.weight == (1 if registry.load(name).pool else 0)
    again = driver.do(driver.client.tasks.get(task.row_id))
    assert [o.raw for o in again.outputs] == [output.raw]
    assert house.stats.tasks_created.total() == 1
    assert house.stats.unknown_keys == []


def house_ledger(driver: Driver) -> Any:
    return driver.client.session.ledger()


def test_what_has_tasks_is_asked_for(driver: Driver) -> None:
    """By its id, in lists; on the path-per-model edition too."""
    for name in ("puppet_show", "paper_boat", "dolls"):
        one = resource(driver, name)
        made = driver.do(driver.do(one.create(**TASKS[name])).wait())
        assert driver.do(one.get(made.task_id)).task_id == made.task_id
        assert made.task_id in {task.task_id for task in driver.do(one.list())}
        assert made.task_id in {task.task_id for task in driver.all(one.iterate())}


def test_what_answers_at_once_is_not(driver: Driver) -> None:
    """No `get` and no `list`, and who asks again is told what is known."""
    one = resource(driver, "whistle")
    for call in ("get", "list", "iterate", "presets"):
        assert not hasattr(one, call)
        assert call not in dir(one)
    with pytest.raises(AttributeError, match=r"kling\.tasks has what it made"):
        one.get("1")
    task = driver.do(one.create(**TASKS["whistle"]))
    assert driver.do(driver.do(task.wait()).refresh()).status == "succeeded"
    settled = driver.do(driver.client.tasks.resume(wait=False, download=False))
    assert not settled.doubtful
    assert driver.do(driver.client.tasks.rescue()) != []


def test_a_session_goes_on(driver: Driver) -> None:
    """The calls share the id that the first one gave; then comes the task."""
    patchwork = resource(driver, "patchwork")
    assert {"begin", "add"} <= {*dir(patchwork)}
    begun = driver.do(patchwork.begin(ground="linen"))
    session = begun.outputs[0].raw["session_id"]
    added = driver.do(patchwork.add(session_id=session, patch="a bear"))
    assert added.outputs[0].raw["patches"] == ["linen", "a bear"]
    assert driver.do(patchwork.run(session_id=session, prompt="it flutters")).files[0].path.exists()
    with pytest.raises(errors.InvalidRequest):
        driver.do(patchwork.add(session_id=session))
    with pytest.raises(errors.APIError, match="Session not found"):
        driver.do(patchwork.add(session_id="1", patch="a bear"))


def test_a_collection_is_listed_and_emptied(driver: Driver, house: Sandbox) -> None:
    """What is offered to all stands in a list of its own; what was deleted is gone."""
    dolls = resource(driver, "dolls")
    made = driver.do(dolls.run(doll_name="Petrushka")).outputs[0]
    assert [o.raw["element_name"] for t in driver.do(dolls.presets()) for o in t.outputs] == [
        "Punch"
    ]
    gone = driver.do(dolls.delete(element_id=made.id))
    assert gone.status == "succeeded"
    (shown,) = driver.do(dolls.list())
    assert shown.outputs[0].raw["status"] == "deleted"
    assert house.stats.requests["POST", "/v1/general/delete-dolls"] == 1


# --- what goes wrong -----------------------------------------------------------------------

CREATE: dict[str, Any] = {"kind": "create", "endpoint": "whistle"}
LOST = {
    "reset after": Fault("reset_after", **CREATE),
    "cut after": Fault("cut_after", bytes=20, **CREATE),
    "503 after": Fault("status_after", **CREATE),
    "half of the JSON": Fault("broken_json", **CREATE),
    "a page after": Fault("html", after=True, **CREATE),
    "silence after": Fault("stall", after=True, seconds=3, **CREATE),
    "reset before": Fault("reset_before", **CREATE),
    "silence before": Fault("stall", seconds=3, **CREATE),
}


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_is_unknown_and_never_asked_for_twice(
    fault: str, kind: str, house: Sandbox, tmp_path: Path
) -> None:
    """Whatever is lost: one POST, at most one bill, and nobody says that nothing was made."""
    house.faults.add(LOST[fault])
    with drivers(kind, tmp_path / "clips") as make:
        one = make(api_key=house.api_key, base_url=house.url, home=tmp_path, timeout=0.5)
        with pytest.raises(errors.SubmitOutcomeUnknown) as lost:
            one.do(one.client.whistle.create(text="three blind mice"))
        assert lost.value.settles_at is None
        assert "unless you may pay twice" in lost.value.fix
        for send in (False, True):
            settled = one.do(one.client.tasks.resume(wait=False, download=False, send=send))
            ((row, error),) = settled.doubtful
            assert (row.state, row.weight) == ("unknown", 0)
            assert isinstance(error, errors.SubmitOutcomeUnknown)
        assert house_ledger(one).spent(0.0) == (Decimal("0.007"), 0)
        again = one.do(one.client.whistle.create(text="another tune"))  # it holds up nobody
        assert again.status == "succeeded"
        with pytest.raises(errors.SubmitOutcomeUnknown):
            one.do(one.client.whistle.create(text="three blind mice", dedupe=60))
    assert house.stats.requests["POST", "/v1/audio/whistle"] == 2
    billed = 1 if "before" in fault else 2
    assert house.stats.tasks_created.total() == billed


def test_what_was_refused_or_never_left_is_no_riddle(driver: Driver, house: Sandbox) -> None:
    """A refusal is one, a busy service is asked again, and no connection means nothing was sent."""
    house.faults.add(
        Fault("refuse", status=429, code=1302, message="too fast", **CREATE),
        Fault("refuse", status=429, code=1303, message="too many", **CREATE),
    )
    assert driver.do(resource(driver, "whistle").create(text="a tune")).status == "succeeded"
    assert house_ledger(driver).learned("") is None
    house.faults.add(Fault("refuse", status=400, code=1201, message="text is invalid", **CREATE))
    with pytest.raises(errors.APIError, match="text is invalid"):
        driver.do(resource(driver, "whistle").create(text="a tune"))
    house.stop()
    with pytest.raises(errors.ConnectionFailed) as refused:
        driver.do(resource(driver, "whistle").create(text="a tune"))
    assert refused.value.billed == "no"


def test_it_counts_in_limits(driver: Driver, house: Sandbox) -> None:
    """An answer is judged by what it costs before it is sent, and counts for the next one."""
    whistle = resource(driver, "whistle")
    with pytest.raises(errors.BudgetExceeded):
        driver.do(whistle.create(text="a tune", max_cost="0.001"))
    assert house.stats.tasks_created.total() == 0
    driver.do(whistle.create(text="a tune", max_cost="0.007"))
    driver.do(resource(driver, "dolls").create(doll_name="Punch", max_cost="0"))
    assert house_ledger(driver).spent(0.0) == (Decimal("0.007"), 0)


def test_a_pair_of_keys_is_refused_where_only_a_key_is_taken(
    house: Sandbox, tmp_path: Path
) -> None:
    """Before anything is sent, with the place where such a key is made."""
    with Kling(sandbox=house, home=tmp_path, pace=FAST) as kling:
        with pytest.raises(errors.ConfigError, match="takes an API key here") as refused:
            kling.paper_boat.create(**TASKS["paper_boat"])
        assert "https://kling.ai/dev/api-key" in refused.value.fix
        assert kling.puppet_show.create(**TASKS["puppet_show"]).task_id
    assert house.stats.tasks_created.total() == 1


# --- the front ends ------------------------------------------------------------------------

COMMANDS = {
    "puppet_show": ("-o", "made", "--strings", "3", "a bear"),
    "paper_boat": ("-o", "made", "--duration", "3", "a gutter"),
    "whistle": ("-o", "made", "three blind mice"),
    "patchwork_begin": ("--ground", "linen"),
    "dolls": ("Petrushka",),
}


@pytest.fixture
def desk(house: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A folder, and a key for the sandbox in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KLING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KLING_API_KEY", house.api_key)
    monkeypatch.setenv("KLING_BASE_URL", house.url)
    return house


@pytest.mark.parametrize("name", TASKS)
def test_the_command_line_runs_it(
    name: str, desk: Sandbox, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Help, a dry run, and the create with its files; then it is in the list of tasks."""
    command = registry.load(name).command
    assert main(["run", "--help"]) == 0
    assert command in capsys.readouterr().out
    assert main(["run", command, "--help"]) == 0
    fields = registry.load(name).request.params()
    shown = capsys.readouterr().out
    assert all(
        f"--{field.replace('_', '-')}" in shown
        for field in fields
        if field not in ("text", "prompt", "doll_name")
    )
    assert main(["run", command, "--dry-run", *COMMANDS[name]]) == 0
    assert "POST /" in capsys.readouterr().err
    assert desk.stats.tasks_created.total() == 0
    assert main(["run", command, "--json", *COMMANDS[name]]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == "succeeded"
    assert [output["kind"] for output in told["outputs"]] == [MAKES[name]]
    assert main(["tasks"]) == 0
    assert command in capsys.readouterr().out.replace("_", "-")
    assert main(["show", told["task_id"]]) == 0
    assert main(["costs"]) == 0
    files = [path for path in (tmp_path / "made").glob("*") if path.suffix in (".mp4", ".wav")]
    assert len(files) == (MAKES[name] in ("video", "audio"))


@pytest.mark.parametrize("name", TASKS)
def test_the_magic_runs_it(
    name: str, house: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line makes it, and the value is the task."""
    monkeypatch.chdir(tmp_path)
    client = Kling(api_key=house.api_key, base_url=house.url, home=tmp_path / "home", pace=FAST)
    shell = Shell(client)
    try:
        words = [word for word in COMMANDS[name] if word not in ("-o", "made")]
        shell.run(f"made = %kling {registry.load(name).command} {' '.join(words)}")
        assert shell["made"].status == "succeeded"
        assert shell["made"].outputs[0].kind == MAKES[name]
    finally:
        shell.close()
        client.close()


@pytest.mark.parametrize("name", EVERY)
def test_the_form_has_its_fields(name: str, house: Sandbox) -> None:
    """Every field of every call is in the form."""
    endpoint = registry.load(name)
    shown = {field["name"] for part in spec(endpoint)["sections"] for field in part["fields"]}
    assert shown == {*endpoint.request.params()}


def test_the_pages_and_the_stub_have_it(house: Sandbox) -> None:
    """The reference, the page of tools and what type checkers read."""
    reference, stub, page = (
        generate_endpoints.render(),
        generate_stub.render(),
        generate_tools.page(),
    )
    for name in EVERY:
        assert f"\n## {name}\n" in reference
        assert f"`kling_{name}`" in page
        assert f"class {registry.load(name).request.__name__}Resource(Resource):" in stub
    assert "def delete(self) -> DollsDeleteResource" in stub
    assert "It answers at once, so there is no `get` and no `list`." in reference


def test_the_server_has_its_tools(house: Sandbox) -> None:
    """Each call is a tool in its toolset; get and list where there is something to ask for."""
    assert {"audio", "edit", "elements"} <= {*toolset_names()}
    made = {tool.name: tool for tool in tools(Settings(toolsets=toolset_names()))}
    assert {f"kling_{name}" for name in EVERY} <= made.keys()
    assert {"kling_list_dolls", "kling_get_patchwork", "kling_presets_dolls"} <= made.keys()
    assert (
        not {"kling_get_whistle", "kling_list_dolls_delete", "kling_presets_whistle"} & made.keys()
    )
    assert {name for name, tool in made.items() if tool.annotations.destructive_hint} == {
        "kling_dolls_delete"
    }
    assert "Free, at once" in made["kling_patchwork_begin"].description
    assert "Usually $0.007, at once" in made["kling_whistle"].description


@pytest.mark.parametrize("name", TASKS)
def test_the_server_makes_it(name: str, house: Sandbox, tmp_path: Path) -> None:
    """An agent sees the tool, asks for the price, makes it, and finds it again."""

    async def walk() -> None:
        chosen = ("tasks", "account", registry.load(name).toolset)
        client = {"sandbox": False, "api_key": house.api_key, "base_url": house.url}
        async with Client(server(house, tmp_path, toolsets=chosen, client=client)) as agent:
            tool = f"kling_{name}"
            assert tool in {one.name for one in (await agent.list_tools()).tools}
            price = await agent.call_tool(tool, {**TASKS[name], "dry_run": True})
            assert not price.is_error, price
            made = await agent.call_tool(tool, TASKS[name])
            assert not made.is_error, made
            facts = made.structured_content
            assert facts["state"] == "succeeded"
            assert len(facts["outputs"]) == 1
            again = await agent.call_tool("kling_get_task", {"task_id": facts["task_id"]})
            assert again.structured_content["state"] == "succeeded"

    asyncio.run(walk())
    assert house.stats.tasks_created.total() == 1


@in_loop
async def test_an_agent_deletes_on_purpose_only(house: Sandbox, tmp_path: Path) -> None:
    """Without its word nothing is deleted; with it once, and what the service says is told."""
    client = {"sandbox": False, "api_key": house.api_key, "base_url": house.url}
    asked = Client(server(house, tmp_path, toolsets=("elements", "raw"), client=client))
    async with asked as agent:
        made = await agent.call_tool("kling_dolls", {"doll_name": "Petrushka"})
        doll = {"element_id": made.structured_content["outputs"][0]["id"]}
        shown = await agent.call_tool("kling_presets_dolls", {})
        assert "Punch" in json.dumps(shown.structured_content)
        refused = await agent.call_tool("kling_dolls_delete", doll)
        assert refused.is_error
        assert house.stats.requests["POST", "/v1/general/delete-dolls"] == 0
        gone = await agent.call_tool("kling_dolls_delete", {**doll, "delete": True})
        assert gone.structured_content["state"] == "succeeded"
    assert house.stats.requests["POST", "/v1/general/delete-dolls"] == 1
