"""How `version_1.db` and the others beside this were made: with the code of their time.

Before a schema is left, its file is made: by a commit whose schema it is (51903cc has 1, 896fa60
has 2, and the code at hand the newest), with this run on that tree:

    git archive 51903cc kling_core | tar x -C TREE
    PYTHONPATH=TREE python tests/ledger/files/make.py version_1.db

It uses only what all of them had. Nothing is random, no clock is asked: a task in every state, and
one that a plug-in made. `test_stored.py` says what has to be found in each.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

START = 1_795_176_000.0  # 2026-11-20, 12:00 UTC
URL, KEY = "https://kling.test", "stored"
ACCOUNT = hashlib.sha256(f"{URL}|{KEY}".encode()).hexdigest()[:12]
LEASE = 150.0

BOAT = {"prompt": "a paper boat in the rain", "model_name": "kling-v2-6", "duration": 5}
TIDE = {"prompt": "the tide comes in", "model_name": "kling-v2-6", "duration": 10}
PHOTO = {
    "prompt": "she turns around",
    "image": "https://media.test/portrait.png",
    "model_name": "kling-v2-5-turbo",
}
"""Requests whose twins are looked for."""


def _first(*names: str) -> Any:
    """The first of these modules that this version has."""
    for name in names:
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
    raise SystemExit(f"none of {names} is here")


def _told(**said: Any) -> Any:
    """What Kling says of a task, as this version hands it to its ledger: read, or as it came."""
    facts = _first("kling_core.editions.task_facts", "kling_core.answers")
    return getattr(facts, "read", dict)(said)


class Clock:
    """Stands still until it is told to go on."""

    now = START

    def __call__(self) -> float:
        return self.now


class Maker:
    """A ledger of the version at hand, and the ways in which its rows come about."""

    def __init__(self, place: Path) -> None:
        self.clock = Clock()
        ledger = _first("kling_core.ledger.ledger", "kling_core.ledger.store").Ledger
        self.entry = _first("kling_core.ledger.records", "kling_core.ledger.rows").Entry
        self.registry = _first("kling_core.declare.registry", "kling_core.endpoints.registry")
        self.recorded = _first("kling_core.flows.recorded_request", "kling_core.ledger.recording")
        self.ledger = ledger(place, ACCOUNT, clock=self.clock)
        self.ledger._name = "4200000-stored"  # of no process: beyond the largest id of any
        self.numbers = iter(range(880_000_001, 880_001_000))

    def prepare(self, name: str, endpoint: str = "text_to_video", **more: Any) -> None:
        """Write a request down, a minute after the one before."""
        self.clock.now += 60
        fields: dict[str, Any] = more.pop("fields", None) or {"prompt": name, "duration": 5}
        values: dict[str, Any] = {
            "id": f"row-{name}",
            "endpoint": endpoint,
            "product": "video",
            "external_task_id": f"row-{name}",
            "request": {"fields": fields, "sent": fields},
            "media": {},
            "digest": hashlib.sha256(name.encode()).hexdigest(),
            "model_name": "kling-v2-6",
            "text": str(fields.get("prompt", "")),
            "quote_units": Decimal("1.5"),
            "quote_usd": Decimal("0.21"),
        }
        self.ledger.prepare(self.entry(**{**values, **more}), lease=LEASE)

    def real(self, name: str, endpoint: str, fields: dict[str, Any]) -> None:
        """Write a request down with the digest that this version gives it."""
        request = self.registry.load(endpoint).request(**fields)
        known = {"fields": self.recorded.record(request), "sent": fields}
        digest, model = self.recorded.digest(request), fields["model_name"]
        self.prepare(name, endpoint, request=known, digest=digest, model_name=model, fields=fields)

    def send(self, name: str, status: str = "", **said: Any) -> str:
        """Send it, ten seconds later; with a status Kling has it, and says that of it."""
        self.clock.now += 10
        assert self.ledger.admit(f"row-{name}", limit=100, lease=LEASE).admitted
        if not status:
            return ""
        task_id = str(next(self.numbers))
        self.ledger.accepted(f"row-{name}", _told(task_id=task_id, task_status="submitted"))
        self.say(name, task_id, status, **said)
        return task_id

    def say(self, name: str, task_id: str, status: str, **said: Any) -> None:
        """Kling says something of a task, two minutes later."""
        self.clock.now += 120
        endpoint = self.ledger.row(f"row-{name}").endpoint
        self.ledger.observe(endpoint, [_told(task_id=task_id, task_status=status, **said)])

    def save(self, name: str, number: int, audit: str = "") -> None:
        """An output is on disk."""
        about = {"sha256": f"{number}" * 64, "size": 1000 + number, "audit": audit}
        self.ledger.keep(f"row-{name}", number, path=Path(f"/clips/{name}-{number}.mp4"), **about)


def videos(task_id: str, count: int = 1) -> dict[str, Any]:
    """A result with clips."""
    made = [
        {"id": f"v-{task_id}-{n}", "url": f"https://media.test/{task_id}-{n}.mp4", "duration": "5"}
        for n in range(count)
    ]
    return {"task_result": {"videos": made}}


def fill(make: Maker) -> None:
    """A task in every state, and what makes each of them worth finding again."""
    ledger = make.ledger
    make.real("boat", "text_to_video", BOAT)
    boat = make.send("boat", "processing")
    make.say("boat", boat, "succeed", final_unit_deduction="1.5", **videos(boat))
    make.save("boat", 0)
    parent = {"parent_task_id": boat, "parent_output_id": f"v-{boat}-0"}
    make.prepare("longer", "video_extension", fields={"prompt": "it reaches the sea"}, **parent)
    longer = make.send("longer", "processing")
    make.say("longer", longer, "succeed", final_unit_deduction="1", **videos(longer, 2))
    make.save("longer", 0, "9.6 s long, not 10 s")  # the second one is not saved
    parent = {"parent_task_id": longer, "parent_output_id": f"v-{longer}-1"}
    make.prepare("speaks", "lip_sync", external_task_id=None, fields={"text": "ahoy"}, **parent)
    make.send("speaks", "processing")
    make.real("photo", "image_to_video", PHOTO)
    make.send("photo", "submitted")
    make.prepare("picture", "image_generation", product="image", weight=2, project="film")
    picture = make.send("picture", "processing")
    make.say("picture", picture, "succeed", task_result={"images": [{"url": "https://m.test/1"}]})
    for name, units in (("odd", "-14.00"), ("absurd", "1E+999")):
        make.prepare(name, project="film")
        task_id = make.send(name, "processing")
        make.say(name, task_id, "succeed", final_unit_deduction=units, **videos(task_id))
    make.prepare("never-quoted", quote_units=None, quote_usd=None, project="film")
    task_id = make.send("never-quoted", "processing")
    make.say("never-quoted", task_id, "succeed", final_unit_deduction="3", **videos(task_id))
    make.prepare("failed")
    task_id = make.send("failed", "processing")
    make.say("failed", task_id, "failed", task_status_msg="risk control", final_unit_deduction="0")
    make.prepare("refused")
    make.send("refused")
    ledger.refused("row-refused", "1200 the prompt is too long")
    make.prepare("purged")
    make.send("purged", "processing")
    ledger.expired("row-purged")
    ledger.adopt(
        make.entry(
            id="text_to_video-elsewhere",
            endpoint="text_to_video",
            product="video",
            request={},
            media={},
            digest="",
        ),
        _told(task_id="770000001", task_status="succeed", **videos("770000001")),
        created_at=START - 3600,
    )
    make.prepare("plugged-in", "sound_effects")
    make.send("plugged-in", "processing")
    make.prepare("lost", project="film")
    make.send("lost")
    ledger.doubtful("row-lost", "no answer from Kling")
    make.prepare("back")
    make.send("back")
    ledger.unsent("row-back", "Kling knows of no such task")
    make.real("tide", "text_to_video", TIDE)
    ledger.unsent("row-tide", "never sent")
    make.prepare("sending")
    make.send("sending")
    make.prepare("waiting")
    make.send("waiting")
    ledger.back_in_line("row-waiting", lease=LEASE, learn=True)


def main() -> None:
    """Make the file that is named."""
    warnings.simplefilter("ignore")
    os.umask(0o077)
    place = Path(__file__).with_name(sys.argv[1])
    place.unlink(missing_ok=True)
    make = Maker(place)
    fill(make)
    make.ledger.close()
    version = _first("kling_core.ledger.migrations", "kling_core.ledger.schema").VERSION
    print(f"{place.name}: schema {version}, {place.stat().st_size:,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
