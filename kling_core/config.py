"""Settings: where they come from, and what is wrong with them.

Order: explicit argument, then environment, then config file. An API key wins over a key pair from
the same place. Blank counts as absent; half a pair is an error that says which half is missing.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict, TypeVar, cast

from kling_core import setting_values as places
from kling_core import text_files
from kling_core.advice import Advice, Text
from kling_core.caller_warnings import notify
from kling_core.errors import ConfigError
from kling_core.output_paths import is_address
from kling_core.setting_values import REGIONS, Secret
from kling_core.text import did_you_mean

if TYPE_CHECKING:
    from decimal import Decimal

    Money = Decimal | float | str
    """An amount in US dollars, as callers write one."""

Limit = TypeVar("Limit", "Decimal", int)


NO_CREDENTIAL = "there is no Kling credential"
"""What is said where neither an API key nor a key pair is set anywhere."""

GUEST = "sandbox-guest"
"""The API key that every sandbox takes: what reaches it can only play."""


@dataclass(frozen=True)
class Settings:
    """Resolved settings of one client. The secrets are not part of its repr."""

    base_url: str
    home: Path
    output_dir: Path
    api_key: str | None = field(default=None, repr=False)
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    max_cost: Decimal | None = None
    budget: Decimal | None = None
    project_budget: Decimal | None = None
    max_tasks: int | None = None
    project: str = ""
    slots: int | None = None
    ledger: str = field(default="", repr=False)
    """A file or a `postgresql://` address, which may hold a password."""
    callback_url: str = field(default="", repr=False)
    timeout: float = 60.0
    paths: Mapping[str, str] = field(default_factory=dict[str, str])
    """Paths that replace those of the declarations, by endpoint name."""
    source: str = ""
    """Where the credential came from, in words."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "settings hold secrets and are not pickled; resolve them where they are used"
        )


class Limits(TypedDict):
    """What may be spent: US dollars a call, a day, a project; tasks a day. None is no limit."""

    max_cost: Decimal | None
    budget: Decimal | None
    project_budget: Decimal | None
    max_tasks: int | None


def limits(**explicit: Any) -> Limits:
    """The limits alone, which hold without a key too; the keywords are those of `Kling`."""
    return _Resolver({k: v for k, v in explicit.items() if not blank(v)}).limits()


def resolve(**explicit: Any) -> Settings:
    """Work out the settings of a client; the keywords are those of `Kling`.

    Raises `ConfigError` for a missing key, half a pair, a key with spaces, an unknown region.
    """
    return _Resolver({k: v for k, v in explicit.items() if not blank(v)}).settings()


def wants_sandbox() -> bool:
    """Whether KLING_SANDBOX asks for the embedded sandbox.

    Raises `ConfigError` when that cannot be told. An address asks for a running one: see
    `sandbox_address`.
    """
    word = os.environ.get("KLING_SANDBOX", "").strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"", "0", "false", "no", "off"} or "://" in word:
        return False
    raise ConfigError(
        f"KLING_SANDBOX={word!r} is neither yes nor no",
        fix="Write 1, 0, or the address of a running sandbox: http://127.0.0.1:8787.",
    )


def sandbox_address() -> str | None:
    """The address of the running sandbox that KLING_SANDBOX names, None when it names none."""
    word = os.environ.get("KLING_SANDBOX", "").strip()
    return places.address(word, "KLING_SANDBOX") if "://" in word else None


def home_folder(explicit: str | os.PathLike[str] | None = None) -> Path:
    """The folder of config and ledger: explicit, KLING_HOME, or the platform's own.

    Raises `ConfigError` where there is none.
    """
    chosen = explicit or os.environ.get("KLING_HOME", "").strip()
    if chosen:
        return places.place("home", chosen)
    import platformdirs

    try:
        found = Path(platformdirs.user_data_dir("kling", appauthor=False))
    except (OSError, RuntimeError, KeyError):  # no home, no such user, no such variable
        found = Path("~")
    if found.is_absolute():
        return found
    raise ConfigError(
        "this user has no home folder, so the ledger has no place",
        fix="Set KLING_HOME to a folder that can be written and is kept: it holds what was paid.",
    )


class _Resolver:
    def __init__(self, explicit: dict[str, Any]) -> None:
        self.explicit = explicit

    @cached_property
    def home(self) -> Path:
        return home_folder(self.explicit.get("home"))

    @cached_property
    def file(self) -> dict[str, Any]:
        path = self.home / "config.toml"
        if not path.is_file():
            return {}
        import tomllib

        text = ""
        try:
            content = tomllib.loads(text := text_files.read(path))
        except (OSError, ValueError) as error:  # the text may be a key that lacks its quotes
            fix = _BACKSLASHES if "\\" in text else 'Each line of it reads: api_key = "…"'
            raise ConfigError(f"{path} cannot be read: {error}", fix=fix) from None
        for name in content.keys() - _IN_FILE:
            hint = did_you_mean(name, _IN_FILE)
            raise ConfigError(f"{path} has the unknown setting {name!r}{hint}")
        if places.open_to_others(path, content):
            notify(
                f"{path} holds a secret, and others on this computer can read it: chmod 600 {path}"
            )
        return {
            n: Secret(v) if n in _NAMES and isinstance(v, str) else v for n, v in content.items()
        }

    def setting(self, name: str) -> Any:
        """The first of argument, environment and file that is not blank."""
        if name in self.explicit:
            return self.explicit[name]
        value = os.environ.get(f"KLING_{name.upper()}")
        if not blank(value):
            return value
        value = self.file.get(name)
        return None if blank(value) else value

    def limits(self) -> Limits:
        """Every limit that holds."""
        return {
            "max_cost": self.limit("max_cost", money),
            "budget": self.limit("budget", money),
            "project_budget": self.limit("project_budget", money),
            "max_tasks": self.limit("max_tasks", _tasks),
        }

    def limit(self, name: str, read: Callable[[str, Any], Limit | None]) -> Limit | None:
        """The limit that holds: what the environment or the file sets, an argument only tightens.

        Says so when the argument is looser.
        """
        given = read(name, self.explicit.get(name))
        set_here, place = os.environ.get(f"KLING_{name.upper()}"), f"KLING_{name.upper()}"
        if blank(set_here):
            set_here, place = self.file.get(name), str(self.home / "config.toml")
        held = None if blank(set_here) else read(name, set_here)
        if given is None or held is None:
            return held if given is None else given
        if given > held:
            notify(
                f"{name}={given} is looser than the {held} of {place}, which holds: "
                "an argument only tightens what is set there"
            )
        return min(given, held)

    def settings(self) -> Settings:
        credential, source = self.credential()
        return Settings(
            base_url=self.base_url(),
            home=self.home,
            output_dir=_output_dir(self.setting("output_dir") or "kling_outputs"),
            **self.limits(),
            project=project_name(self.setting("project")),
            slots=_count("slots", self.setting("slots")),
            ledger=_ledger(self.setting("ledger")),
            callback_url=_callback_url(self.setting("callback_url")),
            timeout=_timeout(self.setting("timeout")),
            paths=_paths(self.explicit.get("paths") or self.file.get("paths", {})),
            source=source,
            **credential,
        )

    def base_url(self) -> str:
        """The host: of the first place that names one, by address or by region."""
        names = ("base_url", "region")
        environment = {name: os.environ.get(f"KLING_{name.upper()}") for name in names}
        for place in (self.explicit, environment, self.file):
            if not blank(url := place.get("base_url")):
                return places.address(str(url), _spelling("base_url", place is environment))
            if not blank(region := place.get("region")):
                if str(region) not in REGIONS:
                    known = " or ".join(REGIONS)
                    raise ConfigError(f"there is no region {region!r}", fix=f"Use {known}.")
                return REGIONS[str(region)]
        return REGIONS["global"]

    def credential(self) -> tuple[dict[str, str], str]:
        """The first place that holds an API key or a key pair, and its name."""
        for place, values in self._places():
            found = {n: _examine(n, v, place) for n in _NAMES if not blank(v := values.get(n))}
            if "api_key" in found:
                return {"api_key": found["api_key"]}, f"API key from {place}"
            if len(found) == 2:
                return found, f"key pair from {place}"
            if found:
                (have,) = found
                lack = "secret_key" if have == "access_key" else "access_key"
                raise ConfigError(
                    f"half a key pair: {_spelled(have, place)} is set, "
                    f"{_spelled(lack, place)} is missing",
                    fix="Give both, or an API key alone.",
                )
        raise ConfigError(
            NO_CREDENTIAL,
            fix=Text(Advice("give a credential", about=str(self.home / "config.toml"))),
        )

    def _places(self) -> list[tuple[str, Mapping[str, Any]]]:
        found = {name: os.environ.get(f"KLING_{name.upper()}") for name in _NAMES}
        environment = {name: Secret(value) for name, value in found.items() if value is not None}
        places: list[tuple[str, Mapping[str, Any]]] = [
            ("the arguments", self.explicit),
            ("the environment", environment),
        ]
        if all(blank(values.get(n)) for _, values in places for n in _NAMES):
            places.append((str(self.home / "config.toml"), self.file))
        return places


_IN_FILE = {
    "access_key",
    "api_key",
    "base_url",
    "budget",
    "callback_url",
    "ledger",
    "max_cost",
    "max_tasks",
    "output_dir",
    "paths",
    "project",
    "project_budget",
    "region",
    "secret_key",
    "slots",
    "timeout",
}
"""What a config file may hold."""

_LONGEST = 86_400.0

_NAMES = ("api_key", "access_key", "secret_key")

_BACKSLASHES = (
    "In double quotes a backslash begins an escape: write paths in single quotes, or with /."
)


def blank(value: Any) -> bool:
    """Whether a setting counts as absent."""
    return value is None or (isinstance(value, str) and not value.strip())


def _spelled(name: str, place: str) -> str:
    return f"KLING_{name.upper()}" if place == "the environment" else name


def _examine(name: str, value: Any, place: str) -> str:
    """The key as it stands; raises `ConfigError` for what copying and pasting does to keys."""
    spelled = _spelled(name, place)
    if not isinstance(value, str):
        raise ConfigError(f"{spelled} in {place} is not text")
    if value != value.strip() or any(c.isspace() for c in value):
        raise ConfigError(
            f"{spelled} in {place} has spaces or a line break in or around it",
            fix="Remove them; a copied key often carries some.",
        )
    if not value.isascii() or not value.isprintable():
        raise ConfigError(
            f"{spelled} in {place} has a character that no key has",
            fix="Copy it again from the console: quotation marks get changed on the way.",
        )
    if value[0] in "'\"" or value[-1] in "'\"":
        raise ConfigError(f"{spelled} in {place} has quotes around it", fix="Remove them.")
    if name == "api_key" and value.lower().startswith("bearer"):
        raise ConfigError(f"{spelled} in {place} begins with 'Bearer'", fix="Leave that word out.")
    if name != "api_key" and value.count(".") == 2 and value.startswith("eyJ"):
        raise ConfigError(
            f"{spelled} in {place} is a signed token, not a key",
            fix="Give the access key and the secret key themselves; they are signed for you.",
        )
    return value


def _spelling(name: str, in_environment: bool) -> str:
    return f"KLING_{name.upper()}" if in_environment else name


def _ledger(value: Any) -> str:
    """A file or a `postgresql://` address; an error shows nothing of it, for it may hold a secret.

    `postgres://` is what many services write for the same.
    """
    text = "" if value is None else str(value).strip()
    scheme, mark, rest = text.partition("://")
    if not mark or len(scheme) == 1:  # a drive
        return str(places.place("ledger", text)) if text and text != ":memory:" else text
    kind = scheme.lower()
    if kind == "postgres":
        kind = "postgresql"
    if kind.partition("+")[0] != "postgresql":
        raise ConfigError(
            "ledger is neither a file nor a postgresql:// address",
            fix="Give the path of a file, or postgresql://USER:PASSWORD@HOST/NAME.",
        )
    return Secret(f"{kind}://{rest}")


def _output_dir(value: Any) -> Path:
    """As it was named, which the client settles; an address stays one, to be refused."""
    if isinstance(value, (str, Path)) and is_address(Path(value)):
        return Path(value)
    return places.expanded("output_dir", value)


def project_name(value: Any) -> str:
    """What tasks belong to, which names a folder below the output folder; empty for None.

    Raises `ConfigError` for anything that is no such name.
    """
    if blank(value):
        return ""
    if not isinstance(value, str):
        raise ConfigError(f"project {value!r} is not text", fix='Write project="film".')
    steps = re.split(r"[/\\]", value)
    outside = PureWindowsPath(value).drive or any(s.strip() in ("", ".", "..") for s in steps)
    odd = any(unicodedata.category(letter) in ("Cc", "Cs") for letter in value)
    # 255 bytes: a longer name no file system takes, and a download is too late to find out.
    if outside or odd or max(len(step.encode()) for step in steps) > 255:
        raise ConfigError(
            f"project {value!r} names no folder below the output folder",
            fix='Write "film" or "film/scene 1".',
        )
    return value


def seconds(name: str, value: Any) -> float | None:
    """A span of time in seconds, 0 or more, None for None; raises `ConfigError` otherwise."""
    if value is None:
        return None
    number = not isinstance(value, bool) and isinstance(value, Real)
    span = float(value) if number else float("nan")
    if not span >= 0:
        raise ConfigError(f"{name} {value!r} is not a number of seconds", fix="Write 60.")
    return span


def _paths(paths: Any) -> dict[str, str]:
    from kling_core.declare import registry

    if not isinstance(paths, Mapping):
        raise ConfigError("paths is not a table of endpoint names and paths")
    given = cast("Mapping[str, Any]", paths)
    for name in given:
        if not registry.has(name):
            hint = did_you_mean(name, registry.names())
            raise ConfigError(f"paths names the unknown endpoint {name!r}{hint}")
        # What follows the host must not become part of its name.
        if not isinstance(given[name], str) or not re.fullmatch(r"/(?!/)[^\s?#\\]*", given[name]):
            raise ConfigError(
                f"the path of {name}, {given[name]!r}, is none", fix="Begin it with one slash."
            )
    return dict(given)


def _timeout(value: Any) -> float:
    try:
        seconds = 60.0 if value is None else float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= _LONGEST:
        raise ConfigError(
            f"timeout {value!r} is not a number of seconds, at most a day", fix="Write 60."
        )
    return seconds


def _callback_url(value: Any) -> str:
    if value is None:
        return ""
    if not str(value).startswith(("http://", "https://")):
        raise ConfigError(f"callback_url {value!r} has no http:// or https:// in front")
    return str(value)


def _count(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if not str(value).strip().isdecimal() or int(value) < 1:
        raise ConfigError(f"{name} {value!r} is not a number of slots", fix="Write 5.")
    return int(value)


def _tasks(name: str, value: Any) -> int | None:
    """A number of tasks, 0 or more."""
    if value is None:
        return None
    text = str(value).strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise ConfigError(f"{name} {value!r} is not a number of tasks", fix="Write 20.")
    return int(text)


def money(name: str, value: Any) -> Decimal | None:
    """An amount in US dollars as exact money, None for None; raises `ConfigError` otherwise."""
    if value is None:
        return None
    from kling_core.editions.task_facts import decimal

    amount = decimal(str(value).strip().lstrip("$"))
    if amount is None or not 0 <= amount < 10**9:
        typed = Advice(name) if name == "max_cost" else name
        raise ConfigError(
            Text(typed, f" {value!r} is not an amount in US dollars"), fix="Write 0.50."
        )
    return amount
