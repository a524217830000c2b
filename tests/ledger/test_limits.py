"""Limits that nobody talks their way round: set outside, they only tighten; worst cases count."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from helpers.ledgers import LEASE, Moved, entry

from kling_core import Kling, Sandbox, config
from kling_core.cli.main import main
from kling_core.errors import BudgetExceeded, ConfigError, KlingWarning
from kling_core.flows.limits import check_cost, within
from kling_core.ledger.ledger import Ledger
from kling_core.ledger.money import Budget

LIMITS = ("max_cost", "budget", "project_budget", "max_tasks")


def set_by_environment(_home: Path, monkeypatch: Any, name: str, value: str) -> str:
    monkeypatch.setenv(f"KLING_{name.upper()}", value)
    return f"KLING_{name.upper()}"


def set_by_file(home: Path, _monkeypatch: Any, name: str, value: str) -> str:
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(f'{name} = "{value}"\n')
    return "config.toml"


@pytest.mark.parametrize("way", [set_by_environment, set_by_file])
@pytest.mark.parametrize("name", LIMITS)
def test_an_argument_only_tightens(name: str, way: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """What the environment or the file limits holds against a looser argument, and that is said."""
    place = way(tmp_path / "home", monkeypatch, name, "5")

    def limit(**given: Any) -> Any:
        return getattr(config.resolve(api_key="k", home=tmp_path / "home", **given), name)

    with pytest.warns(KlingWarning, match=f"{name}=100 is looser than the 5 of .*{place}"):
        assert limit(**{name: 100}) == 5
    assert limit(**{name: 3}) == 3
    assert limit(**{name: 0}) == 0
    assert limit() == limit(**{name: None}) == limit(**{name: "  "}) == limit(**{name: 5}) == 5


def test_the_environment_stands_before_the_file(tmp_path: Path, monkeypatch: Any) -> None:
    """As for every setting; and blank is absent."""
    set_by_file(tmp_path, monkeypatch, "budget", "1")
    monkeypatch.setenv("KLING_BUDGET", "2")
    assert config.limits(home=tmp_path)["budget"] == 2
    monkeypatch.setenv("KLING_BUDGET", " ")
    assert config.limits(home=tmp_path)["budget"] == 1


@pytest.mark.filterwarnings("ignore::kling_core.errors.KlingWarning")
def test_a_looser_argument_creates_nothing(
    make_driver: Any, quick_sandbox: Sandbox, tmp_path: Path, monkeypatch: Any
) -> None:
    """`KLING_BUDGET=0.1`, then budget=100: refused; so is a looser max_cost of one call."""
    monkeypatch.setenv("KLING_BUDGET", "0.1")
    driver = make_driver(sandbox=quick_sandbox, home=tmp_path, budget=100)
    before = len(quick_sandbox.tasks)
    with pytest.raises(BudgetExceeded, match=r"of today's \$0\.10"):
        driver.do(driver.client.text_to_video.create(prompt="a boat"))
    monkeypatch.delenv("KLING_BUDGET")
    monkeypatch.setenv("KLING_MAX_COST", "0.1")
    driver = make_driver(sandbox=quick_sandbox, home=tmp_path)
    with pytest.raises(BudgetExceeded, match=r"limit of \$0\.1 per call") as caught:
        driver.do(driver.client.text_to_video.create(prompt="a boat", max_cost=100))
    assert "max_cost=$100 of this call is looser than the $0.1" in caught.value.cause
    assert len(quick_sandbox.tasks) == before


def test_on_the_command_line(
    quick_sandbox: Sandbox, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    """`--budget` and `--max-cost` tighten too; a dry run judges by what is set."""
    monkeypatch.setenv("KLING_HOME", str(tmp_path))
    monkeypatch.setenv("KLING_BASE_URL", quick_sandbox.url)
    monkeypatch.setenv("KLING_ACCESS_KEY", quick_sandbox.access_key)
    monkeypatch.setenv("KLING_SECRET_KEY", quick_sandbox.secret_key)
    monkeypatch.setenv("KLING_BUDGET", "0.1")
    before = len(quick_sandbox.tasks)
    assert main(["run", "text-to-video", "a boat", "--budget", "100", "--no-wait"]) != 0
    assert "today's $0.10" in capsys.readouterr().err
    monkeypatch.setenv("KLING_MAX_COST", "0.1")
    for options in ([], ["--max-cost", "100"]):
        assert main(["run", "text-to-video", "a boat", "--dry-run", *options]) != 0
        shown = capsys.readouterr()
        assert "limit of $0.1 per call" in shown.err
        assert "the request is good" not in shown.err + shown.out
    assert len(quick_sandbox.tasks) == before


@pytest.mark.parametrize("name", ["max_cost", "budget", "project_budget"])
@pytest.mark.parametrize(
    "value", ["-1", "1e999", "1e9", "NaN", "many", True, "0.5 dollars", 10**40]
)
def test_what_is_no_limit(name: str, value: Any, tmp_path: Path) -> None:
    """Is told as a setting that is wrong, not as an error of arithmetic later."""
    with pytest.raises(ConfigError, match=f"{name} .* is not an amount in US dollars"):
        config.resolve(api_key="k", home=tmp_path, **{name: value})


@pytest.mark.parametrize("value", ["-1", "1.5", "many", 1e10, "1e3", True, "²"])
def test_what_is_no_number_of_tasks(value: Any, tmp_path: Path) -> None:
    """A whole number, 0 or more."""
    with pytest.raises(ConfigError, match=r"max_tasks .* is not a number of tasks"):
        config.resolve(api_key="k", home=tmp_path, max_tasks=value)


# --- tasks a day ---------------------------------------------------------------------------


def test_a_number_of_tasks_a_day(make_driver: Any, quick_sandbox: Sandbox, tmp_path: Path) -> None:
    """The third is refused, whatever it costs, also without a price; a refused one counts not."""
    driver = make_driver(sandbox=quick_sandbox, home=tmp_path, max_tasks=2)
    create, do = driver.client.text_to_video.create, driver.do
    effect = driver.client.video_effects.request(
        effect_scene="pet_dance", image="https://example.com/a.png"
    )
    assert within(driver.client.session, effect) == Budget(None, tasks=2)
    for _ in range(2):
        do(create(prompt="a boat"))
    before = len(quick_sandbox.tasks)
    with pytest.raises(BudgetExceeded, match="2 tasks were made today, and max_tasks allows 2"):
        do(create(prompt="a boat"))
    assert len(quick_sandbox.tasks) == before


def test_tasks_of_a_day_in_the_ledger(ledger: Ledger, moved: Moved) -> None:
    """What stands in line counts, what was refused does not; tomorrow there are new ones."""
    limit = Budget(None, tasks=2)
    ledger.prepare(entry("a"), lease=LEASE, budget=limit)
    ledger.prepare(entry("b"), lease=LEASE, budget=limit)
    with pytest.raises(BudgetExceeded, match="max_tasks allows 2 a day"):
        ledger.prepare(entry("c"), lease=LEASE, budget=limit)
    ledger.admit("a", limit=None, lease=LEASE, budget=limit)
    ledger.refused("a", "1201")
    assert ledger.prepare(entry("c"), lease=LEASE, budget=limit)[1]
    ledger.admit("b", limit=None, lease=LEASE, budget=limit)
    ledger.admit("c", limit=None, lease=LEASE, budget=limit)
    moved.offset = 86400 + 1
    assert ledger.prepare(entry("d"), lease=LEASE, budget=limit)[1]


# --- worst cases and unknown prices ---------------------------------------------------------

SPEECH = {"text": "hello", "voice_id": "oversea_male1"}


def test_lip_sync_by_url_fits_into_a_limit_by_its_worst_case(
    make_driver: Any, quick_sandbox: Sandbox, tmp_path: Path
) -> None:
    """It counts with 60 s until Kling has said what it took; the second does not fit."""
    driver = make_driver(sandbox=quick_sandbox, home=tmp_path, budget="1.00")
    do = driver.do
    clip = do(do(driver.client.text_to_video.create(prompt="a face", max_cost=1)).wait())
    create = driver.client.lip_sync.create
    before = len(quick_sandbox.tasks)
    with pytest.raises(BudgetExceeded, match=r"cost \$0\.84, and \$0\.21 of today's \$1\.00"):
        do(create(video_url=clip.videos[0].url, **SPEECH))
    assert len(quick_sandbox.tasks) == before
    driver = make_driver(sandbox=quick_sandbox, home=tmp_path, budget="1.10")
    create = driver.client.lip_sync.create
    spoken = do(create(video_url=clip.videos[0].url, **SPEECH))
    with pytest.raises(BudgetExceeded, match=r"cost \$0\.21, and \$1\.05 of today's \$1\.10"):
        do(driver.client.text_to_video.create(prompt="a boat"))
    do(spoken.wait())
    do(driver.client.text_to_video.create(prompt="a boat"))


@pytest.mark.parametrize(
    "endpoint, fields, limit, words",
    [
        (
            "lip_sync",
            {"video_url": "https://example.com/a.mp4", **SPEECH},
            "0.50",
            ("at most", "60 s, the longest", "video that the ledger knows"),
        ),
        ("video_extension", {"video_id": "1"}, "0.10", ("at most", "dearest", "ledger knows")),
        ("image_generation", {"prompt": "a", "n": 9}, "0.10", ("$0.252", "", "fewer images")),
        ("text_to_video", {"prompt": "a"}, "0.10", ("$0.21", "", "shorter clip")),
    ],
)
def test_above_the_limit(
    endpoint: str, fields: dict[str, Any], limit: str, words: tuple[str, str, str]
) -> None:
    """What it would cost at most, why, and advice that fits what is made."""
    with Kling(sandbox=False, api_key="k") as kling:
        request = getattr(kling, endpoint).request(**fields)
    assert check_cost(request, Decimal(5)) is not None
    with pytest.raises(BudgetExceeded) as caught:
        check_cost(request, Decimal(limit))
    message, cause, fix = words
    assert message in caught.value.message
    assert cause in caught.value.cause
    assert fix in caught.value.fix


@pytest.mark.parametrize("limit", ["0", "5", "100000"])
def test_an_unknown_price(limit: str) -> None:
    """No limit lets it pass, 0 as little as a high one; it is said what is not known and why."""
    with Kling(sandbox=False, api_key="k") as kling:
        request = kling.video_effects.request(
            effect_scene="pet_dance", image="https://example.com/a.png"
        )
    for place in range(3):
        limits = [None, None, None]
        limits[place] = Decimal(limit)
        with pytest.raises(BudgetExceeded, match="no price is known") as caught:
            check_cost(request, *limits)
        assert "prices each video-effects by itself" in caught.value.cause
        assert "KLING_MAX_TASKS" in caught.value.fix
        assert "shorter" not in str(caught.value)
    assert check_cost(request, None) is None
