"""From a fresh interpreter: the import alone, and the first answer."""

from __future__ import annotations

from statistics import median

from tools import Plan, Row, against, child_cpu

# Where click and rich are installed, httpx loads them for a command line of its own; leaving them
# out of both sides keeps that from flattering us.
ALONE = "import sys; sys.modules['click'] = None\n"


def imports(plan: Plan) -> list[Row]:
    """`import kling_core`, whose names are lazy, against `import httpx`; net of the interpreter."""
    codes = [ALONE + code for code in ("", "import httpx", "import kling_core", NAMES)]
    rounds = [[child_cpu(code) for code in codes] for _ in range(1 + plan.times(15))]
    bare, httpx, package, names = zip(*rounds[1:], strict=True)  # the first fills the caches
    floor = median(bare)
    return [
        _imported("import kling_core", 0.6, httpx, package, floor),
        _imported("from kling_core import Kling", None, httpx, names, floor),
    ]


NAMES = "from kling_core import Kling"


def _imported(
    what: str,
    goal: float | None,
    httpx: tuple[float, ...],
    ours: tuple[float, ...],
    floor: float,
) -> Row:
    pairs = [(1000 * a, 1000 * b) for a, b in zip(httpx, ours, strict=True)]
    return against(f"{what} / import httpx", goal, "ms", pairs, 1000 * floor)


def first_answer(plan: Plan, url: str) -> list[Row]:
    """A client and its first task, against the same with httpx alone; whole processes."""
    raw = f"""{ALONE}import httpx
with httpx.Client(headers={{"authorization": "Bearer key"}}) as client:
    answer = client.get("{url}/v1/videos/text2video/789012345678901234").json()
    assert answer["data"]["task_status"] == "succeed"
"""
    ours = f"""{ALONE}from kling_core import Kling
with Kling(api_key="key", base_url="{url}") as kling:
    assert kling.text_to_video.get("789012345678901234").status == "succeeded"
"""
    pairs = [(1000 * child_cpu(raw), 1000 * child_cpu(ours)) for _ in range(1 + plan.times(15))]
    return [against("Kling() and first answer / httpx", 1.3, "ms", pairs[1:])]
