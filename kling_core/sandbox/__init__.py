"""A server on this machine that stands in for Kling's API, for tests, demos and learning.

    with Sandbox() as sandbox:
        ...  # point any client at sandbox.url with sandbox.access_key and sandbox.secret_key

Words in a prompt that decide its fate: `forbidden-content` (accepted, then failed by moderation)
and `policy-refused` (refused at once with 1301). Faults on demand:
`sandbox.faults.add(Fault(...))`, or `POST /sandbox/faults` with the same fields as JSON.
"""

from __future__ import annotations

from kling_core.sandbox.embedded import Sandbox
from kling_core.sandbox.faults import Fault, Faults
from kling_core.sandbox.serve import serve
from kling_core.sandbox.stats import Stats
from kling_core.sandbox.tasks import SandboxTask

__all__ = ["Fault", "Faults", "Sandbox", "SandboxTask", "Stats", "serve"]
