"""Where settings come from, what each bad credential is told, and that no secret ever shows."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import traceback
from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import pytest
from helpers.scripted import Script, session

from kling_core import (
    AsyncKling,
    ConfigError,
    Kling,
    KlingError,
    KlingWarning,
    Sandbox,
    TaskFailed,
)
from kling_core.config import REGIONS, resolve
from kling_core.declare import registry
from kling_core.declare.endpoint import Endpoint

ACCESS, SECRET, KEY = "AK-0123456789abcdef", "SK-" + "s" * 40, "api-key-" + "k" * 30
PAIR = {"access_key": ACCESS, "secret_key": SECRET}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a config file, which KLING_HOME names."""
    monkeypatch.setenv("KLING_HOME", str(tmp_path))
    return tmp_path


def write(home: Path, text: str) -> None:
    (home / "config.toml").write_text(text, encoding="utf-8")
    (home / "config.toml").chmod(0o600)


# --- precedence ----------------------------------------------------------------------------


def test_explicit_wins_over_environment_over_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each place is asked only when the one before it is silent."""
    write(home, f'api_key = "{KEY}"\nregion = "cn"\nmax_cost = "3"\ntimeout = 5\n')
    settings = resolve()
    assert (settings.api_key, settings.base_url, settings.timeout) == (KEY, REGIONS["cn"], 5)
    assert settings.max_cost == Decimal(3)
    assert "config.toml" in settings.source
    monkeypatch.setenv("KLING_ACCESS_KEY", ACCESS)
    monkeypatch.setenv("KLING_SECRET_KEY", SECRET)
    monkeypatch.setenv("KLING_REGION", "global")
    monkeypatch.setenv("KLING_MAX_COST", "2")
    settings = resolve()
    assert (settings.api_key, settings.access_key, settings.secret_key) == (None, ACCESS, SECRET)
    assert (settings.base_url, settings.max_cost) == (REGIONS["global"], Decimal(2))
    assert settings.source == "key pair from the environment"
    settings = resolve(api_key="mine", base_url="https://proxy.test/", max_cost="$1.50", timeout=7)
    assert (settings.api_key, settings.access_key) == ("mine", None)
    assert (settings.base_url, settings.max_cost) == ("https://proxy.test", Decimal("1.50"))
    assert settings.timeout == 7
    assert settings.source == "API key from the arguments"


def test_api_key_wins_over_a_pair_of_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one place, the key; but a pair in the arguments wins over a key in the environment."""
    monkeypatch.setenv("KLING_API_KEY", KEY)
    monkeypatch.setenv("KLING_ACCESS_KEY", ACCESS)
    monkeypatch.setenv("KLING_SECRET_KEY", SECRET)
    assert resolve().api_key == KEY
    assert resolve(**PAIR).access_key == ACCESS
    assert resolve(**PAIR, api_key="mine").api_key == "mine"


@pytest.mark.parametrize("blank", ["", "   ", "\t\n", None])
def test_blank_is_absent(blank: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty argument or variable is the same as none."""
    monkeypatch.setenv("KLING_API_KEY", "  ")
    monkeypatch.setenv("KLING_ACCESS_KEY", ACCESS)
    monkeypatch.setenv("KLING_SECRET_KEY", SECRET)
    monkeypatch.setenv("KLING_BASE_URL", "")
    settings = resolve(api_key=blank, base_url=blank, region=blank, max_cost=blank)
    assert (settings.access_key, settings.base_url) == (ACCESS, REGIONS["global"])
    assert settings.max_cost is None


def test_an_older_configuration_does_not_leak_into_half_a_pair(home: Path) -> None:
    """Half a pair in the arguments is not completed from the file: they may be of two accounts."""
    write(home, f'access_key = "{ACCESS}"\nsecret_key = "{SECRET}"\n')
    with pytest.raises(ConfigError, match="half a key pair"):
        resolve(access_key=ACCESS)


def test_other_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are expanded; paths of endpoints come from the file or the arguments."""
    write(home, '[paths]\nvirtual_try_on = "/v1/tryon"\n')
    monkeypatch.setenv("KLING_OUTPUT_DIR", "~/clips")
    settings = resolve(api_key=KEY)
    assert settings.output_dir == Path.home() / "clips"
    assert settings.paths == {"virtual_try_on": "/v1/tryon"}
    assert resolve(api_key=KEY, paths={"lip_sync": "/x"}).paths == {"lip_sync": "/x"}
    assert settings.home == home


def test_path_override_is_used(home: Path) -> None:
    """A replaced path is where the request goes."""
    script = Script()
    live = session(script, paths={"virtual_try_on": "/v1/tryon"})
    assert live.path(registry.get("try-on")) == "/v1/tryon"
    assert live.path(registry.get("t2v")) == "/v1/videos/text2video"


# --- bad credentials and settings ----------------------------------------------------------

BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "there is no Kling credential"),
    ({"access_key": ACCESS}, "half a key pair: access_key is set, secret_key is missing"),
    ({"secret_key": SECRET}, "half a key pair: secret_key is set, access_key is missing"),
    ({"api_key": f" {KEY}"}, "api_key in the arguments has spaces or a line break"),
    ({**PAIR, "secret_key": f"{SECRET}\n"}, "secret_key in the arguments has spaces"),
    ({**PAIR, "access_key": "AK 1"}, "access_key in the arguments has spaces"),
    ({"api_key": f'"{KEY}"'}, "has quotes around it"),
    ({"api_key": f"“{KEY}”"}, "has a character that no key has"),
    ({"api_key": f"{KEY}\u200b"}, "has a character that no key has"),
    ({"api_key": f"Bearer{KEY}"}, "begins with 'Bearer'"),
    ({**PAIR, "secret_key": "eyJhbGciOi.eyJpc3Mi.c2ln"}, "is a signed token, not a key"),
    ({"api_key": 5}, "is not text"),
    ({"api_key": KEY, "region": "europe"}, "there is no region 'europe'"),
    ({"api_key": KEY, "region": ["cn"]}, "there is no region ['cn']"),
    ({"api_key": KEY, "output_dir": 5}, "output_dir 5 is no path"),
    ({"api_key": KEY, "home": 5}, "home 5 is no path"),
    ({"api_key": KEY, "base_url": "api.klingai.com"}, "has no http:// or https:// in front"),
    ({"api_key": KEY, "max_cost": "cheap"}, "is not an amount in US dollars"),
    ({"api_key": KEY, "max_cost": -1}, "is not an amount in US dollars"),
    ({"api_key": KEY, "max_cost": "nan"}, "is not an amount in US dollars"),
    ({"api_key": KEY, "timeout": "soon"}, "is not a number of seconds"),
    ({"api_key": KEY, "timeout": 0}, "is not a number of seconds"),
    ({"api_key": KEY, "ledger": f"mysql://me:{SECRET}@h/x"}, "neither a file nor a postgresql://"),
    ({"api_key": KEY, "ledger": f"sqlite://{SECRET}.db"}, "neither a file nor a postgresql://"),
    ({"api_key": KEY, "home": "~\ud800/kling"}, "is no path"),
    ({"api_key": KEY, "project": 2026}, "project 2026 is not text"),
    ({"api_key": KEY, "project": "../film"}, "names no folder below the output folder"),
    ({"api_key": KEY, "paths": {"lip_sync": "v1/x"}}, "the path of lip_sync, 'v1/x', is none"),
    ({"api_key": KEY, "paths": {"lip_sync": ".evil/x"}}, "Begin it with one slash"),
    ({"api_key": KEY, "paths": {"lip_sync": "//evil/x"}}, "Begin it with one slash"),
    ({"api_key": KEY, "paths": {"lip_sync": "/x?y=1"}}, "Begin it with one slash"),
    ({"api_key": KEY, "paths": {"lip_sync": 5}}, "the path of lip_sync, 5, is none"),
]


@pytest.mark.parametrize("given, line", BAD, ids=[line[:40] for _, line in BAD])
def test_each_bad_setting_has_its_own_line(given: dict[str, Any], line: str) -> None:
    """The error says what is wrong, in both clients, and never shows a key."""
    for client in (Kling, AsyncKling):
        with pytest.raises(ConfigError) as caught:
            client(**given)
        assert line in str(caught.value)
        assert "\n" not in str(caught.value)
        for value in (ACCESS, SECRET, KEY):
            assert value not in _everything(caught.value)


PLACES = {
    "film": True,
    "film/scene 1": True,
    "船 👩\u200d🚀": True,
    "": True,
    "x" * 256: False,
    "../../film": False,
    "a/../../b": False,
    "..\\film": False,
    "/tmp/film": False,
    "C:film": False,
    "a\0b": False,
    "a\nb": False,
    "\ud800": False,
}


@pytest.mark.parametrize("project, good", PLACES.items(), ids=map(ascii, PLACES))
@pytest.mark.parametrize("client", [Kling, AsyncKling])
def test_a_project_stays_below_the_output_folder(client: Any, project: str, good: bool) -> None:
    """Whatever leads elsewhere, or cannot name a folder, is refused before anything is sent."""
    kling = client(api_key=KEY)
    with nullcontext() if good else pytest.raises(ConfigError, match="names no folder"):
        kling._submission(kling.text_to_video.request(prompt="a boat"), {"project": project})


@pytest.mark.parametrize("endpoint", registry.endpoints(), ids=lambda e: e.name)
def test_a_callback_goes_to_a_web_address(endpoint: Endpoint) -> None:
    """What the setting refuses is refused of a single request as well."""
    with pytest.raises(ConfigError, match="has no http:// or https:// in front"):
        resolve(api_key=KEY, callback_url="nope")
    found = {v.field: v.message for v in endpoint.request(callback_url="nope").check().violations}
    assert found["callback_url"] == "'nope' has no http:// or https:// in front"
    good = endpoint.request(callback_url="https://x.test/hook").check().violations
    assert "callback_url" not in {v.field for v in good}


@pytest.mark.parametrize("given", ["600", -5, float("nan"), True, timedelta(minutes=5)], ids=repr)
@pytest.mark.parametrize("client", [Kling, AsyncKling])
def test_a_span_is_seconds(client: Any, given: Any) -> None:
    """`dedupe` is refused where it could be read in two ways; a number of any kind is one."""
    kling = client(api_key=KEY)
    request = kling.text_to_video.request(prompt="a boat")
    with pytest.raises(ConfigError, match=r"dedupe .* is not a number of seconds"):
        kling._submission(request, {"dedupe": given})
    for good in (None, 0, 600, 0.5, Fraction(1, 2), float("inf")):
        kling._submission(request, {"dedupe": good})


@pytest.mark.parametrize(
    "url, clear",
    [
        ("http://api.example.com/kling", True),
        ("http://8.8.8.8:80", True),
        ("https://api.example.com", False),
        ("http://127.0.0.1:8787", False),
        ("http://[::1]:8787", False),
        ("http://192.168.1.7", False),
        ("http://localhost:8787", False),
        ("http://gateway:8000", False),
    ],
)
def test_a_key_in_clear_text_is_warned_of(url: str, clear: bool) -> None:
    """Unencrypted, a key goes to this machine and its network only without a word."""
    with pytest.warns(KlingWarning, match="without encryption") if clear else nullcontext():
        assert resolve(api_key=KEY, base_url=url).base_url == url


def test_an_address_of_postgresql(tmp_path: Path) -> None:
    """As many services write it; a file whose name begins like one is a file."""
    for given in ("postgres://me@h/x", "POSTGRESQL://me@h/x", "postgresql://me@h/x"):
        assert resolve(api_key=KEY, ledger=given).ledger == "postgresql://me@h/x"
    place = "postgresql+psycopg://me@h/x"
    assert resolve(api_key=KEY, ledger=place).ledger == place
    file = tmp_path / "postgresql.db"
    with Kling(api_key=KEY, ledger=file) as kling:
        assert kling.tasks.recent() == []
    assert file.is_file()


@pytest.mark.parametrize(
    "place",
    [
        "me:hunter2@hunter3:hunter4@host:abc/db",
        "me:hunter@hunter@host/db",
        "me:hunter2@host:port/db",
    ],
)
def test_no_part_of_a_password_is_in_an_error(place: str) -> None:
    """An address that cannot be read is an error without it, and without a cause that shows it."""
    kling = Kling(api_key=KEY, ledger=f"postgresql://{place}")
    with kling, pytest.raises(ConfigError, match="is no address") as caught:
        kling.session.ledger()
    assert "hunter" not in _everything(caught.value)
    assert caught.value.__context__ is None


def test_missing_credential_names_the_three_ways(home: Path) -> None:
    """Argument, environment, file; and the sandbox for whoever has no key yet."""
    with pytest.raises(ConfigError) as caught:
        Kling()
    for way in ("Kling(api_key=", "KLING_API_KEY", "KLING_SECRET_KEY", str(home / "config.toml")):
        assert way in str(caught.value)
    assert "sandbox=True" in str(caught.value)


def test_bad_environment_and_file_are_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which variable, or which file."""
    monkeypatch.setenv("KLING_ACCESS_KEY", ACCESS)
    with pytest.raises(ConfigError, match="KLING_ACCESS_KEY is set, KLING_SECRET_KEY is missing"):
        Kling()
    monkeypatch.delenv("KLING_ACCESS_KEY")
    write(home, f'api_key = "{KEY}')
    with pytest.raises(ConfigError, match=r"config\.toml cannot be read"):
        Kling()
    write(home, f'api_key = " {KEY}"')
    with pytest.raises(ConfigError, match=r"api_key in .*config\.toml has spaces"):
        Kling()


def test_unknown_settings_in_the_file_are_named(home: Path) -> None:
    """A misspelt key in the file is an error with the nearest name, not silently without effect."""
    write(home, 'api_key = "k"\nmax_costs = 3\n')
    with pytest.raises(ConfigError, match=r"unknown setting 'max_costs'.*max_cost") as caught:
        Kling()
    assert "config.toml" in str(caught.value)


def test_host_is_looked_up_place_by_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A region in the arguments wins over an address in the environment, and so on down."""
    write(home, 'api_key = "k"\nbase_url = "http://file.test"\n')
    with Kling() as kling:
        assert kling.base_url == "http://file.test"
    monkeypatch.setenv("KLING_REGION", "cn")
    with Kling() as kling:
        assert kling.base_url == "https://api-beijing.klingai.com"
    monkeypatch.setenv("KLING_BASE_URL", "http://environment.test")
    with Kling() as kling:
        assert kling.base_url == "http://environment.test"
    with Kling(region="global") as kling:
        assert kling.base_url == "https://api-singapore.klingai.com"


@pytest.mark.parametrize("word", ["maybe", "2", "sandbox"])
def test_strange_words_in_kling_sandbox(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither yes nor no is an error: it might be meant as either, and one of them costs money."""
    monkeypatch.setenv("KLING_SANDBOX", word)
    monkeypatch.setenv("KLING_API_KEY", "k")
    with pytest.raises(ConfigError, match="neither yes nor no"):
        Kling()


@pytest.mark.parametrize(
    "place",
    [
        {"api_key": "k"},
        {"access_key": "a", "secret_key": "s"},
        {"base_url": "http://x.test"},
        {"region": "cn"},
    ],
    ids=str,
)
@pytest.mark.parametrize("client", [Kling, AsyncKling])
def test_sandbox_and_a_real_place_contradict(client: Any, place: dict[str, str]) -> None:
    """Whoever names both does not get one of them in silence."""
    with pytest.raises(ConfigError, match="contradict"):
        client(sandbox=True, **place)


def test_swapped_and_foreign_keys_are_explained(sandbox: Sandbox) -> None:
    """What only the server can see is explained by the fix: swapped keys, another region's key."""
    for pair in (
        {"access_key": sandbox.secret_key, "secret_key": sandbox.access_key},
        {"access_key": "F" * 32, "secret_key": "S" * 32},
        {"access_key": sandbox.access_key, "secret_key": "S" * 32},
    ):
        with Kling(**pair, base_url=sandbox.url) as kling, pytest.raises(KlingError) as caught:
            kling.text_to_video.list()
        assert caught.value.code in (1000, 1002)
        assert "swapped keys" in caught.value.fix
        assert "China key" in caught.value.fix


def test_sandbox_switch(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """KLING_SANDBOX is for clients that name no place of their own; a sandbox must be started."""
    monkeypatch.setenv("KLING_SANDBOX", "1")
    with Kling(api_key=KEY) as kling:
        assert kling.sandbox is None
    monkeypatch.setenv("KLING_API_KEY", KEY)
    with Kling(sandbox=sandbox) as kling:
        assert kling.base_url == sandbox.url
        assert kling.text_to_video.list() == []
    with Kling(sandbox=False) as kling:
        assert kling.base_url == REGIONS["global"]
    with pytest.raises(ConfigError, match="not started"):
        Kling(sandbox=Sandbox())


@pytest.mark.parametrize("client", [Kling, AsyncKling])
@pytest.mark.parametrize("home", [None, "", " "])
def test_the_sandbox_has_a_ledger_of_its_own(
    home: Any, client: Any, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is set for paid work, by environment or file, is not the sandbox's; what is given is."""
    real = tmp_path / "real"
    real.mkdir()
    monkeypatch.setenv("KLING_HOME", str(real))
    monkeypatch.setenv("KLING_LEDGER", str(real / "ledger.db"))
    for options in ({}, {"home": home}, {"ledger": home}):
        kling = client(sandbox=sandbox, **options)
        assert Path(kling.session.ledger().place).parent == sandbox.home
        kling.session.close()
    mine = tmp_path / "mine"
    mine.mkdir()
    write(mine, f"ledger = '{real / 'ledger.db'}'\n")
    kling = client(sandbox=sandbox, home=mine)
    assert Path(kling.session.ledger().place).parent == mine
    kling.session.close()
    kling = client(sandbox=sandbox, ledger=mine / "other.db")
    assert kling.session.ledger().place == str(mine / "other.db")
    kling.session.close()
    assert list(real.iterdir()) == []


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_sandbox_is_never_asked_through_a_proxy(
    name: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a company's proxy the sandbox on this machine is still reached, by both clients."""
    monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def ask() -> list[Any]:
        async with AsyncKling(sandbox=sandbox) as kling:
            return await kling.text_to_video.list()

    assert asyncio.run(ask()) == []
    with Kling(sandbox=sandbox) as kling:
        assert kling.text_to_video.list() == []


# --- secrets -------------------------------------------------------------------------------


def _everything(error: BaseException) -> str:
    """All words of an error: itself, its causes, its notes, its traceback."""
    return "\n".join([repr(error), str(error), *traceback.format_exception(error)])


@pytest.mark.parametrize("credential", [PAIR, {"api_key": KEY}], ids=["pair", "key"])
def test_no_secret_in_words(credential: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """Reprs, logs down to the HTTP library's debug level, and errors show no key and no token."""
    caplog.set_level(logging.DEBUG)
    tokens: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        tokens.append(request.headers["authorization"].removeprefix("Bearer "))
        if request.method == "POST":
            return httpx.Response(401, json={"code": 1000, "message": "no"})
        return httpx.Response(200, content=b"<html>")

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        kling = Kling(**credential, http_client=http)
        errors: list[str] = []
        for call in (
            lambda: kling.text_to_video.create(prompt="a boat"),
            lambda: kling.text_to_video.get("1"),
            kling.video_extension.create,
        ):
            kling.session.pace.retry_first = 0.001
            with pytest.raises(KlingError) as caught:
                call()
            errors.append(_everything(caught.value))
        effect = kling.session.request("GET", "/v1/x")
        things = [kling, kling.session, kling.session.settings, kling.session.signer, effect]
        words = [repr(thing) for thing in things] + [str(thing) for thing in things]
        words += [repr(kling.text_to_video), repr(kling.account)]
    secrets = [*credential.values(), *tokens]
    assert len(tokens) >= 6
    for text in (*words, *errors, caplog.text):
        assert not [secret for secret in secrets if secret in text]


def test_no_secret_in_the_http_librarys_logs(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Over real HTTP, sync and async, after success and after failure."""
    caplog.set_level(logging.DEBUG)

    async def run() -> None:
        async with AsyncKling(sandbox=sandbox) as kling:
            await kling.text_to_video.list()
            with pytest.raises(KlingError):
                await kling.text_to_video.get("nothing")

    asyncio.run(run())
    with Kling(sandbox=sandbox) as kling:
        kling.text_to_video.list()
        token = kling.session.signer.header().removeprefix("Bearer ")
    with Kling(access_key=sandbox.access_key, secret_key="w" * 32, base_url=sandbox.url) as kling:
        with pytest.raises(KlingError):
            kling.text_to_video.list()
        wrong = kling.session.signer.header().removeprefix("Bearer ")
    assert "HTTP Request" in caplog.text
    for secret in (sandbox.secret_key, sandbox.access_key, token, wrong, "w" * 32):
        assert secret not in caplog.text


@pytest.mark.parametrize("credential", [PAIR, {"api_key": KEY}], ids=["pair", "key"])
def test_no_secret_in_pickles(credential: dict[str, str]) -> None:
    """What holds a key refuses to be pickled or copied; errors are pickled without their task."""
    with Kling(**credential) as kling:
        for thing in (kling, kling.session, kling.session.settings, kling.session.signer):
            with pytest.raises(TypeError):
                pickle.dumps(thing)
            with pytest.raises(TypeError):
                copy.deepcopy(thing)
        task = kling.task(registry.get("t2v"), {"task_id": "7", "task_status": "failed"})
        error = pickle.loads(pickle.dumps(TaskFailed("no", task=task, fix="try")))
    assert (str(error), error.task_id, error.task) == (str(TaskFailed("no", fix="try")), "7", None)
