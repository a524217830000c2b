"""Stands in for the service's moderation: two words in a prompt decide.

`forbidden-content`  the task is accepted and fails later with the live risk-control text
`policy-refused`     the request is refused at once with 1301
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kling_core.sandbox.refusals import RISK_CONTROL, Refusal

FAILS_LATER: Final = "forbidden-content"
"""The word that makes an accepted task fail."""

REFUSED_AT_ONCE: Final = "policy-refused"
"""The word that makes a request be refused."""


def judge(prompts: Iterable[str]) -> str:
    """Why the task will fail, empty when it will not. Raises 1301 for a refused prompt."""
    text = "\n".join(prompts).lower()
    if REFUSED_AT_ONCE in text:
        raise Refusal(1301, "The request triggers the content security policy of the platform")
    return RISK_CONTROL if FAILS_LATER in text else ""
