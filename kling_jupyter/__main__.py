"""`python -m kling_jupyter enable`: `%kling` in every notebook, without `%load_ext`.

One block in the profile's `ipython_config.py` names the extension; it is loaded when `%kling` is
first used, so kernels start as fast as before. The rest of the file is left as it is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kling_core import streams

__all__ = ["disable", "enable", "main"]

_BEGIN = "# >>> kling_jupyter >>>"
_END = "# <<< kling_jupyter <<<"
_BLOCK = f"""\
{_BEGIN}
c.MagicsManager.lazy_magics.update({{"kling": "kling_jupyter"}})
{_END}
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kling_jupyter", description=__doc__)
    parser.add_argument("what", choices=["enable", "disable"])
    parser.add_argument("--profile", default="default", help="profile of IPython")
    streams.settle()
    given = parser.parse_args(arguments)
    path = _config(given.profile)
    changed = (enable if given.what == "enable" else disable)(path)
    state = "knows %kling" if given.what == "enable" else "knows %kling no more"
    now = "From the next kernel on" if changed else "As before"
    sys.stdout.write(f"{now}, IPython's profile {given.profile!r} {state} ({path}).\n")
    return 0


def enable(config: Path) -> bool:
    """Add the block to a config file; False when it is there already."""
    text = config.read_text(encoding="utf-8") if config.exists() else ""
    if _BLOCK in text:
        return False
    kept = _without_block(text)
    config.parent.mkdir(parents=True, exist_ok=True)
    gap = "" if not kept or kept.endswith("\n") else "\n"
    config.write_text(f"{kept}{gap}{_BLOCK}", encoding="utf-8")
    return True


def disable(config: Path) -> bool:
    """Take the block out of a config file; False when there is none. A file of ours goes too."""
    text = config.read_text(encoding="utf-8") if config.exists() else ""
    kept = _without_block(text)
    if kept == text:
        return False
    if kept.strip():
        config.write_text(kept, encoding="utf-8")
    else:
        config.unlink()
    return True


def _without_block(text: str) -> str:
    before, begin, rest = text.partition(f"{_BEGIN}\n")
    _, end, after = rest.partition(f"{_END}\n")
    return before + after if begin and end else text


def _config(profile: str) -> Path:
    from IPython.paths import get_ipython_dir

    return Path(get_ipython_dir()) / f"profile_{profile}" / "ipython_config.py"


if __name__ == "__main__":
    sys.exit(main())
