"""What the desktop bundle starts: the server over stdio."""

import sys

from kling_mcp.main import main

sys.exit(main())
