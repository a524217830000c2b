"""The environment of a real desk: proxies, certificates, homes, settings that no shell has read.

What the HTTP library would choke on is named before a row is written, and nothing is "unknown".
"""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from kling_core import AsyncKling, ConfigError, Kling, KlingError, Sandbox, config
from kling_core.commands import doctor
from kling_core.wire import http_clients

KEY = "api-key-" + "k" * 30


@pytest.fixture(params=["sync", "async"])
def create(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Any]:
    """Creates with a client of one kind at an address; gives the error and the ledger's rows."""

    def run(url: str = "https://kling.test", **options: Any) -> tuple[KlingError, list[Any]]:
        options = {"api_key": KEY, "base_url": url, "home": tmp_path / "home"} | options

        async def awaiting() -> Any:
            async with AsyncKling(**options) as kling:
                with pytest.raises(KlingError) as caught:
                    await kling.text_to_video.create(prompt="a boat")
                return caught.value, kling.session.ledger().rows()

        if request.param == "async":
            return asyncio.run(awaiting())
        with Kling(**options) as kling:
            with pytest.raises(KlingError) as caught:
                kling.text_to_video.create(prompt="a boat")
            return caught.value, kling.session.ledger().rows()

    return run


@pytest.fixture(autouse=True)
def _usual_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's machine may have a company's certificate of its own."""
    others = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", *others):
        monkeypatch.delenv(name, raising=False)


# --- proxies and certificates --------------------------------------------------------------

BAD_PROXIES = [
    ("ALL_PROXY", "socks://127.0.0.1:10808/"),
    ("all_proxy", "socks4://127.0.0.1:1080"),
    ("HTTPS_PROXY", "socks5://127.0.0.1:1080"),
    ("http_proxy", "ftp://proxy.test:21"),
    ("https_proxy", "http://proxy.test:port"),
    ("HTTP_PROXY", "http://"),
    ("HTTPS_PROXY", "http://us er@[::1"),
    ("NO_PROXY", "localhost,[::1"),
    ("NO_PROXY", "localhost,fd00::/8"),
    ("no_proxy", "10.0.0.0:port,example.com"),
]


@pytest.mark.parametrize("name, value", BAD_PROXIES)
def test_a_proxy_variable_that_nobody_can_use(
    name: str, value: str, create: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is named, nothing was sent, and nothing was written down."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    error, rows = create()
    assert isinstance(error, ConfigError)
    assert name in str(error)
    assert rows == []


def test_a_proxy_password_is_not_told(create: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the error nor in what it came from."""
    monkeypatch.setenv("ALL_PROXY", "socks://me:opensesame@127.0.0.1:10808/")
    error, _ = create()
    while error is not None:
        assert "opensesame" not in f"{error!r} {error}"
        error = error.__cause__ or error.__context__  # type: ignore[assignment]


@pytest.mark.parametrize(
    "value",
    ["*", "", " ", "localhost, .example.com", "::1", "10.0.0.0/8", "fd00::/8,*", "http://a.test"],
)
def test_an_exception_list_that_can_be_used(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is judged is only what the HTTP library itself would refuse."""
    import httpx

    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", value)
    http_clients.examine()
    http_clients.make(httpx.Client).close()


def test_this_machine_is_reached_without_a_proxy(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that can be used in principle, and is not there, is not asked for the sandbox."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Kling(sandbox=sandbox) as kling:
        assert kling.text_to_video.list() == []


@pytest.mark.parametrize("what", ["gone", "folder", "empty", "no-access"])
def test_a_certificate_file_that_cannot_be_read(
    what: str, create: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left behind by conda, a folder in the place of a file, a file without certificates."""
    file = tmp_path / "cacert.pem"
    if what == "folder":
        file.mkdir()
    elif what != "gone":
        file.write_text("")
        file.chmod(0 if what == "no-access" else 0o644)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    error, rows = create()
    assert isinstance(error, ConfigError)
    assert "SSL_CERT_FILE" in str(error)
    assert str(file) in str(error)
    assert rows == []


def test_a_certificate_folder_that_is_gone(create: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The HTTP library takes it in silence, and then trusts nobody."""
    monkeypatch.setenv("SSL_CERT_DIR", "/no/such/certs:/nor/these")
    error, rows = create()
    assert isinstance(error, ConfigError)
    assert "SSL_CERT_DIR" in str(error)
    assert rows == []


def test_whatever_else_stops_the_http_library(create: Any, monkeypatch: Any) -> None:
    """Also what no look at the variables shows: a `KlingError`, and the row is not sent."""

    def broken(**_: Any) -> Any:
        raise RuntimeError("no entropy")

    monkeypatch.setattr(http_clients.httpx, "Client", broken)
    monkeypatch.setattr(http_clients.httpx, "AsyncClient", broken)
    error, (row,) = create()
    assert isinstance(error, ConfigError)
    assert row.state == "prepared"
    assert error.billed == "no"


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """An https server that a company's proxy could be: its address and its certificate."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = str(folder / "key"), str(folder / "certificate")
    words = ["-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2"]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = subprocess.run(
        ["openssl", "req", "-x509", *words, *name], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("this machine has no openssl")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"code": 0, "data": []}'
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Clients that do not trust it hang up."""

    server = Server(("127.0.0.1", 0), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}", certificate
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "extra, says",
    [
        ({}, "set SSL_CERT_FILE to that file"),
        ({"REQUESTS_CA_BUNDLE": "/etc/company.pem"}, "REQUESTS_CA_BUNDLE is set"),
        ({"SSL_CERT_DIR": "/etc/ssl"}, "does not vouch for this host"),
    ],
)
def test_a_companys_certificate(
    extra: dict[str, str], says: str, create: Any, stranger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried once, for it will not pass; the error says how to trust it; nothing was sent."""
    for name, value in extra.items():
        monkeypatch.setenv(name, value)
    pace = {"pace": None}
    began = time.monotonic()
    error, (row,) = create(stranger[0], **pace)
    assert time.monotonic() - began < 3
    assert (error.billed, error.retryable, row.state) == ("no", False, "prepared")
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert "SSL_CERT_FILE" in error.fix
    assert says in error.fix


def test_a_companys_certificate_is_trusted_by_its_file(
    stranger: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the error advises works."""
    monkeypatch.setenv("SSL_CERT_FILE", stranger[1])
    with Kling(api_key=KEY, base_url=stranger[0], home=tmp_path) as kling:
        assert kling.text_to_video.list() == []


def test_https_where_there_is_none(create: Any, sandbox: Sandbox) -> None:
    """Tried once, and the address is what to check."""
    began = time.monotonic()
    error, (row,) = create(sandbox.url.replace("http:", "https:"))
    assert time.monotonic() - began < 3
    assert row.state == "prepared"
    assert "KLING_BASE_URL" in error.fix


@pytest.mark.parametrize("value", ["1e308", "inf", "86401", "0", "soon"])
def test_a_time_that_no_socket_takes(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time-out of more than a day is a mistake, and some are more than the system can count."""
    monkeypatch.setenv("KLING_TIMEOUT", value)
    with pytest.raises(ConfigError, match="timeout"):
        config.resolve(api_key=KEY)


@pytest.mark.parametrize("url", ["https://a..b\u00df\u0301\u200d.test"])
def test_an_address_that_only_the_http_library_refuses(url: str, create: Any) -> None:
    """Found before a row is written, as the variables are."""
    error, rows = create(url)
    assert isinstance(error, ConfigError)
    assert "KLING_BASE_URL" in str(error)
    assert rows == []


# --- addresses of the host -----------------------------------------------------------------


@pytest.mark.parametrize(
    "given, kept",
    [
        ("https://api.test/v1", "https://api.test"),
        ("https://api.test/v1/", "https://api.test"),
        ("https://api.test/v2", "https://api.test"),
        ("https://gate.test/kling/v1", "https://gate.test/kling"),
        (" https://api.test/ ", "https://api.test"),
        ("HTTPS://API.test", "https://api.test"),
        ("https://gate.test/Kling/", "https://gate.test/Kling"),
        ("https://api.test/conv1", "https://api.test/conv1"),
    ],
)
def test_an_address_as_other_tools_want_it(given: str, kept: str) -> None:
    """`/v1` at its end, slashes, blanks, capitals: the host is the same, and so is its ledger."""
    assert config.resolve(api_key=KEY, base_url=given).base_url == kept


@pytest.mark.parametrize(
    "given",
    [
        "api-singapore.klingai.com",
        "ftp://api.test",
        "https://",
        "https:///v1",
        "https://api.test:port",
        "https://api.test/v1/videos/text2video",
        "https://api.test?key=1",
        "https://api.test/#x",
        "https://me:pass@api.test",
        "me:pass@api.test",
        "https://api.test/a b",
    ],
)
def test_an_address_that_is_none(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named, what to write is said, and a password is not."""
    monkeypatch.setenv("KLING_BASE_URL", given)
    with pytest.raises(ConfigError, match="KLING_BASE_URL") as caught:
        config.resolve(api_key=KEY)
    assert caught.value.fix
    assert "pass@" not in str(caught.value)


def test_the_doctor_does_not_blame_the_key_for_the_address(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """An address below which there is no API: the host is wrong."""
    options: Any = {"api_key": sandbox.api_key, "base_url": f"{sandbox.url}/nowhere"}
    with Kling(**options, home=tmp_path, output_dir=tmp_path) as kling:
        wrong = [s for s in doctor.examine(lambda: kling) if s.level == "wrong"]
    assert wrong[0].name == "host"
    assert all(symptom.name != "key" for symptom in wrong)


# --- homes, folders, files of settings -----------------------------------------------------


@pytest.mark.parametrize("name", ["home", "ledger", "output_dir"])
@pytest.mark.parametrize("place", ["environment", "argument", "file"])
def test_no_shell_expands_a_setting(
    name: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`~` means the home folder wherever it is written; of a stranger, it is an error."""
    monkeypatch.setenv("HOME", str(tmp_path))
    home = tmp_path / "kling"
    home.mkdir()

    def settings(value: str) -> config.Settings:
        options: dict[str, str] = {"api_key": KEY}
        if name != "home":
            monkeypatch.setenv("KLING_HOME", str(home))
        if place == "environment":
            monkeypatch.setenv(f"KLING_{name.upper()}", value)
        elif place == "argument":
            options[name] = value
        else:
            (home / "config.toml").write_text(f'{name} = "{value}"\n')
        return config.resolve(**options)

    if (name, place) == ("home", "file"):
        return  # it is where the file is
    assert Path(getattr(settings("~/x/y.db"), name)) == tmp_path / "x" / "y.db"
    with pytest.raises(ConfigError, match=r"nobodyhere.*not there") as caught:
        settings("~nobodyhere/y.db")
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["home", "ledger", "output_dir"])
def test_a_relative_place_stays_where_it_was(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that changes its folder takes neither the ledger nor the downloads along."""
    monkeypatch.chdir(tmp_path)
    options: Any = {"api_key": KEY, name: "here"}
    with Kling(**options) as kling:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        settled = kling.session if name == "output_dir" else kling.session.settings
        assert Path(getattr(settled, name)) == tmp_path / "here"


def test_a_current_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative place in it is named; a full one works."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match="current folder"):
        config.resolve(api_key=KEY, home="here")
    with Kling(api_key=KEY) as kling:
        assert kling.text_to_video.check(prompt="x").ok


@pytest.mark.parametrize("how", ["unknown", "raises"])
def test_a_user_without_a_home(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container with any user id: KLING_HOME is named, and the doctor goes on looking."""

    def nowhere(*_: Any, **__: Any) -> str:
        if how == "raises":
            raise RuntimeError("Could not determine home directory.")
        return "~/.local/share/kling"

    monkeypatch.delenv("KLING_HOME")
    monkeypatch.setattr(platformdirs, "user_data_dir", nowhere)
    with pytest.raises(ConfigError, match="KLING_HOME"):
        Kling(api_key=KEY)
    symptoms = list(doctor.examine(lambda: Kling(api_key=KEY)))
    assert any("KLING_HOME" in symptom.text for symptom in symptoms)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_a_config_file_of_any_editor(encoding: str, tmp_path: Path) -> None:
    """With a byte order mark, or as PowerShell redirects: the settings are the same."""
    text = f'api_key = "{KEY}"\nproject = "für Elise"\n'
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    (tmp_path / "config.toml").write_bytes(mark + text.encode(encoding))
    (tmp_path / "config.toml").chmod(0o600)
    settings = config.resolve(home=tmp_path)
    assert (settings.api_key, settings.project) == (KEY, "für Elise")


def test_a_config_file_that_is_no_text(tmp_path: Path) -> None:
    """The file is named, and nothing of what it holds."""
    (tmp_path / "config.toml").write_bytes(b'api_key = "\xff\xffsecret"')
    with pytest.raises(ConfigError, match=r"config\.toml cannot be read") as caught:
        config.resolve(home=tmp_path)
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such modes")
@pytest.mark.parametrize(
    "text, mode, warned",
    [
        (f'api_key = "{KEY}"', 0o644, True),
        (f'api_key = "{KEY}"', 0o640, True),
        (f'api_key = "{KEY}"', 0o600, False),
        ('access_key = "a"\nsecret_key = "b"', 0o604, True),
        ('ledger = "postgresql://u:p@h/d"', 0o644, True),
        ('region = "cn"', 0o644, False),
    ],
)
def test_a_secret_that_others_can_read(
    text: str, mode: int, warned: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A config file with a secret in it is the user's alone; else we say so, the doctor too."""
    from kling_core.caller_warnings import heard_by

    (tmp_path / "config.toml").write_text(text)
    (tmp_path / "config.toml").chmod(mode)
    if "_key" not in text:
        monkeypatch.setenv("KLING_API_KEY", KEY)
    monkeypatch.setenv("KLING_HOME", str(tmp_path))
    heard: list[str] = []
    with heard_by(heard.append):
        config.resolve()
        if "_key" not in text:
            config.resolve(region="global")
    assert any("chmod 600" in line for line in heard) == warned
    with heard_by(lambda _: None):
        symptoms = list(doctor._surroundings())
    assert any("chmod 600" in s.text for s in symptoms if s.level == "wrong") == warned


def test_the_doctor_never_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a look stumbles over is told in its place, and the next look follows."""

    def broken(*_: Any) -> Any:
        raise RuntimeError("boo")

    for name in ("_surroundings", "_ledger", "_folder", "_service"):
        monkeypatch.setattr(doctor, name, broken)
    with Kling(api_key=KEY, home=tmp_path) as kling:
        symptoms = list(doctor.examine(lambda: kling))
    wrong = [s.name for s in symptoms if s.level == "wrong"]
    assert wrong == ["surroundings", "ledger", "outputs", "network"]


# --- pickling ------------------------------------------------------------------------------


def test_what_cannot_be_pickled_says_so(kling: Kling) -> None:
    """A client or a task that is sent to another process: one sentence, and no key in it."""
    task = kling.text_to_video.create(prompt="a boat")
    for thing in (kling, AsyncKling(api_key=KEY), task):
        with pytest.raises(TypeError, match=r"not pickled|kling\.tasks\.get") as caught:
            pickle.dumps(thing)
        assert KEY not in str(caught.value)
    with pytest.raises(TypeError, match=task.task_id):
        pickle.dumps(task)
    task.wait()
    with pytest.raises(TypeError, match=task.task_id):
        pickle.dumps(task.videos[0])
    assert copy.copy(task).task_id == task.task_id  # within a process, nothing is in the way
    assert copy.copy(kling).session is kling.session


# --- a package in a zip --------------------------------------------------------------------


def test_a_package_inside_a_zip(tmp_path: Path) -> None:
    """Shipped as one file, as to a cluster: models and prices are found in it."""
    import zipfile

    import kling_core

    root = Path(kling_core.__file__).parent
    with zipfile.ZipFile(tmp_path / "kling.zip", "w") as archive:
        for file in root.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, file.relative_to(root.parent))
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'kling.zip')!r})\n"
        "import kling_core; assert '.zip' in kling_core.__file__\n"
        "kling = kling_core.Kling(api_key='k' * 20)\n"
        "print(kling.text_to_video.quote(prompt='a boat').usd)\n"
    )
    env = {"PATH": os.environ["PATH"], "KLING_HOME": str(tmp_path / "home")}
    done = subprocess.check_output([sys.executable, "-c", code], env=env, cwd="/", timeout=60)
    assert float(done) > 0
