"""`python -m kling_core`: the command line `kling`, where no script of that name is on the PATH."""

from __future__ import annotations

import sys

from kling_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
