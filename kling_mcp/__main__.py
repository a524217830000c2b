"""`python -m kling_mcp`: the server `kling-mcp`, where no script of that name is on the PATH."""

from __future__ import annotations

import sys

from kling_mcp.main import main

if __name__ == "__main__":
    sys.exit(main())
