"""A 200 MB download: CPU against `iter_raw` into a file with its SHA-256, and memory.

The hash is owed to the ledger; the file is checked for length, and judged by PyAV, which is loaded
before the measure with its decoders, by a first download: that is paid once a process.

Run by itself, with the server's URL and a folder, it prints the memory that a download takes over
an idle client.
"""

from __future__ import annotations

import hashlib
import sys
import warnings
from pathlib import Path

import httpx
from memory import peak_over_idle
from tools import Plan, Row, against, by_turns, child_answer

from kling_core import Kling, Video
from kling_core.declare import registry


def download(plan: Plan, url: str, folder: Path) -> list[Row]:
    """The rows of CPU and memory."""
    target = folder / "clip.mp4"
    with httpx.Client() as client, Kling(api_key="key", base_url=url) as kling:

        def raw() -> None:
            digest = hashlib.sha256()
            with client.stream("GET", f"{url}/file") as response, target.open("wb") as file:
                for chunk in response.iter_raw():
                    digest.update(chunk)
                    file.write(chunk)
            digest.hexdigest()

        def ours() -> None:
            _clip(kling, url).download(target)

        def verified() -> None:
            assert target.stat().st_size == 200_000_000
            target.unlink()

        pairs = by_turns(raw, ours, plan.times(21), 1000, verified)
    grown = child_answer(Path(__file__).name, url, str(folder))
    return [
        against("200 MB download / iter_raw to a file, hashed", 1.1, "ms", pairs),
        Row("200 MB download, memory over idle", grown, "MiB", 2),
    ]


def _clip(kling: Kling, url: str) -> Video:
    videos = [{"id": "1", "url": f"{url}/file", "duration": "5"}]
    data = {"task_id": "1", "task_status": "succeed", "task_result": {"videos": videos}}
    return kling.task(registry.load("text_to_video"), data).videos[0]


def _memory(url: str, folder: Path) -> None:
    target = folder / "clip.mp4"
    with Kling(api_key="key", base_url=url) as kling:
        kling.tasks.recent()
        assert kling.text_to_video.get("1").done
        _clip(kling, url).download(target).unlink()
        print(peak_over_idle(lambda: _clip(kling, url).download(target)))
    target.unlink()


warnings.simplefilter("ignore")  # the clip is shorter than its task says, and that is told

if __name__ == "__main__":
    _memory(sys.argv[1], Path(sys.argv[2]))
