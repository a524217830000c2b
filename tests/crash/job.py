"""What the children do: a job of four tasks, and taking it up again after a crash."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kling_core import Kling, SubmitOutcomeUnknown
from kling_core.flows import attempt
from kling_core.flows.session import Pace

PACE = Pace(
    poll_floor=0.02,
    poll_ceiling=0.05,
    retry_first=0.02,
    retry_most=0.1,
    recheck=0.03,
    line_tick=0.02,
    settling=0.5,
)


@dataclass(frozen=True)
class Order:
    """One child's work; everything in it survives JSON."""

    name: str
    base_url: str
    api_key: str
    folder: str
    ledger: str
    source_video: str
    how: str = "job"
    endpoint: str = ""
    timeout: float = 20.0
    margin: float = attempt.MARGIN
    settling: float = PACE.settling
    round: int = 0
    target: tuple[str, int] | None = None

    @property
    def outputs(self) -> Path:
        return Path(self.folder) / "clips"

    @property
    def report(self) -> Path:
        return Path(self.folder) / f"moments-{self.round}"

    def moments(self) -> list[str]:
        """What the child of this order lived through."""
        return self.report.read_text().splitlines() if self.report.exists() else []

    def settings(self) -> dict[str, Any]:
        """The keywords of a client that does this work."""
        return {
            "base_url": self.base_url,
            "api_key": self.api_key,
            "home": Path(self.folder) / "home",
            "ledger": self.ledger,
            "output_dir": self.outputs,
            "pace": replace(PACE, settling=self.settling),
            "slots": 2,
            "timeout": self.timeout,
        }

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def wanted(order: Order) -> list[tuple[str, dict[str, Any]]]:
    """The requests: two clips, two pictures of one task, and a lip-sync, which takes no id."""
    video = {"model_name": "kling-v2-6", "mode": "pro"}
    return [
        ("text_to_video", {"prompt": "a red kite", "external_task_id": f"{order.name}-1", **video}),
        (
            "image_generation",
            {"prompt": "two red kites", "n": 2, "external_task_id": f"{order.name}-2"},
        ),
        (
            "lip_sync",
            {
                "video_id": order.source_video,
                "text": "Good morning!",
                "voice_id": "oversea_male1",
            },
        ),
        ("text_to_video", {"prompt": "a sea", "external_task_id": f"{order.name}-3", **video}),
    ]


def run(kling: Kling, order: Order) -> None:
    """Create everything, then wait and download. The same job again makes nothing new."""
    tasks = []
    for name, fields in wanted(order):
        request = getattr(kling, name).request(**fields)
        dedupe = None if "external_task_id" in fields else 86400.0
        tasks.append(kling.submit(request, dedupe=dedupe))
    for task in tasks:
        task.wait(60)
        for output in task.files:
            output.download()


def one(kling: Kling, order: Order) -> None:
    """Create a single task, and know of it or not."""
    fields = next(fields for name, fields in wanted(order) if name == order.endpoint)
    with suppress(SubmitOutcomeUnknown):
        getattr(kling, order.endpoint).create(**fields)


def take_up(kling: Kling, order: Order) -> None:
    """What a fresh process does after a crash: `resume`, or the same job again, or both."""
    attempt.MARGIN = order.margin
    if order.how == "one":
        one(kling, order)
    if "resume" in order.how:
        settled = kling.tasks.resume(send=True, timeout=60)
        if settled.doubtful:
            raise settled.doubtful[0][1]
    if "job" in order.how:
        run(kling, order)
