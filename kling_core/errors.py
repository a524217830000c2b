"""Everything that can go wrong, as one tree.

    KlingError
    ├── ConfigError               credentials or settings are missing or contradict each other
    ├── InvalidRequest            the request breaks rules; nothing was sent
    ├── BudgetExceeded            the quote is above a limit, or unknown while a limit is set
    ├── ConnectionFailed          no usable connection; nothing was accepted
    ├── Interrupted               Ctrl-C was pressed before the request was sent
    ├── APIError                  Kling answered with an error
    │   ├── AuthError             1000-1004
    │   ├── AccountError          1100-1102: account abnormal, in arrears, pack used up
    │   ├── PermissionDenied      1103, 1304: no right to the API or model, IP not allowed
    │   ├── RequestRefused        1200, 1201: a parameter is not valid
    │   │   ├── DuplicateExternalId
    │   │   └── TaskNotFound
    │   ├── NotFound              1202, 1203: no such method or resource
    │   ├── ContentPolicyError    1300, 1301
    │   ├── RateLimited           1302
    │   │   └── ConcurrencyLimit  1303
    │   ├── ServerError           5000 and above, and other 5xx
    │   └── UnreadableAnswer      HTML or broken JSON instead of an answer
    ├── SubmitOutcomeUnknown      sent, but answer lost or not written down: look before you resend
    ├── TaskFailed                the task ended as failed
    ├── WaitTimeout               we stopped waiting; the task goes on
    ├── LedgerError               the ledger cannot be used
    ├── WebhookRejected           a callback is not Kling's, too old, or no callback
    └── DownloadError             the file could not be fetched or written; the task is intact

Every error carries the same facts (see `KlingError`) and prints as one line for people, without
the escapes that a message of others may hold; `message` has it verbatim.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kling_core.advice import Advice, Face, Text, said, sentence
from kling_core.text import safe

Billed = Literal["yes", "no", "unknown"]


class KlingWarning(UserWarning):
    """Something that will probably surprise you: a retired model, an unknown name."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with a request.

    `field` is the request's field, `message` says what is wrong in words, `valid` what to type
    instead (may be empty), `source` where the rule comes from.
    """

    field: str
    message: str
    valid: str = ""
    source: str = ""

    @property
    def told(self) -> str:
        """What is wrong and what to type, with what the front ends say in their own words."""
        use = (" Use ", self.valid, ".") if self.valid else ()
        return Text(sentence(self.message), *use)

    def __str__(self) -> str:
        return safe(f"{self.field}: {self.told}")


class KlingError(Exception):
    """Base of all errors of this package.

    Attributes:
        message: what happened; Kling's own words, verbatim, where it said something.
        code: Kling's business code (1000-5002), None when there is none.
        http_status: HTTP status of the answer, None when there was none.
        request_id: Kling's id of the HTTP request, for its support.
        cause: why this happens, in one sentence.
        fix: what to do about it, in one sentence.
        retryable: True when the same call can succeed later without a change.
        billed: whether money was spent: "yes", "no" or "unknown".
        task_id: the task this is about, None when there is none.
    """

    cause_text = ""
    fix_text = ""

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
        cause: str | None = None,
        fix: str | None = None,
        retryable: bool = False,
        billed: Billed = "no",
        task_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.http_status = http_status
        self.request_id = request_id
        self.cause = self.cause_text if cause is None else cause
        self.fix = self.fix_text if fix is None else fix
        self.retryable = retryable
        self.billed: Billed = billed
        self.task_id = task_id

    @property
    def headline(self) -> str:
        """What happened, in one sentence."""
        if self.code is None:
            return sentence(self.message)
        where = f"code {self.code}" + (f", HTTP {self.http_status}" if self.http_status else "")
        bare = self.message if isinstance(self.message, Text) else self.message.strip()
        return Text(bare.rstrip(".") if bare.endswith(".") else bare, f" ({where}).")

    @property
    def told(self) -> str:
        """What happened and what to do, with what the front ends say in their own words."""
        return Text(self.headline, *((" ", sentence(self.fix)) if self.fix else ()))

    def said(self, face: Face) -> str:
        """The error in one line, in the words of a front end; `str` gives Python's."""
        return safe(said(self.told, face))

    def __str__(self) -> str:
        return self.said("python")

    def __reduce__(self) -> tuple[Callable[..., KlingError], tuple[Any, ...]]:
        # A live task holds a client, which no other process can use; its id goes along.
        state = {k: None if k == "task" else v for k, v in self.__dict__.items()}
        return _rebuild, (type(self), self.args, state)


def _rebuild(
    cls: type[KlingError], args: tuple[Any, ...], state: dict[str, Any]
) -> KlingError:  # pickling must not depend on each subclass's constructor
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(KlingError):
    """Credentials or settings are missing, incomplete or contradictory. Nothing was sent."""


class InvalidRequest(KlingError):
    """The request breaks one or more rules; nothing was sent and nothing is billed.

    `violations` lists all of them, each with what would be valid.
    """

    def __init__(self, violations: Sequence[Violation], *, endpoint: str = "") -> None:
        self.violations = tuple(violations)
        self.endpoint = endpoint
        count = len(self.violations)
        lead = f"{count} problems" if count != 1 else "1 problem"
        name = f" in {endpoint}" if endpoint else ""
        lines = [Text(f"\n  - {one.field}: ", one.told) for one in self.violations]
        super().__init__(Text(f"{lead}{name}, nothing was sent:", *lines))

    @property
    def told(self) -> str:
        """All violations, a line each."""
        return self.message


class BudgetExceeded(KlingError):
    """The quote is above the limit, or no price is known while a limit is set."""


class ConnectionFailed(KlingError):
    """No usable connection to the server; no request was accepted."""

    fix_text = Text(
        "Check the network, KLING_BASE_URL and KLING_REGION; ", Advice("doctor"), " tests them."
    )


class Interrupted(KlingError):
    """Ctrl-C is ending the program, and this request was not sent; nothing is billed."""

    fix_text = Text("Nothing was sent. To make it after all, ", Advice("call again"), ".")


class APIError(KlingError):
    """Kling answered with an error; `code` and `message` are its own."""


class AuthError(APIError):
    """Codes 1000-1004: the credential was missing, malformed, unknown, too early or expired."""


class AccountError(APIError):
    """Codes 1100-1102: the account is abnormal, in arrears, or its pack is used up."""


class PermissionDenied(APIError):
    """Codes 1103 and 1304: no right to this API or model, or the IP address is not allowed."""


class RequestRefused(APIError):
    """Codes 1200 and 1201: a parameter is not valid; `message` names it."""


class DuplicateExternalId(RequestRefused):
    """Code 1201 `External_task_id … already exists`: a task with this id is there already."""

    cause_text = "A task with this external id exists already."
    fix_text = "Get that task by its external id, or choose another id."


class TaskNotFound(RequestRefused):
    """Code 1201 (or 1203): no task has this id or external id, or it was purged after 30 days."""

    cause_text = "No task of this endpoint and account has this id, or it was purged."
    fix_text = "Check the id and the endpoint; Kling purges tasks 30 days after they were made."


class NotFound(APIError):
    """Codes 1202 and 1203: no such method, API or model."""


class ContentPolicyError(APIError):
    """Codes 1300 and 1301: the prompt or the media was refused by a policy."""


class RateLimited(APIError):
    """Code 1302: too many requests; the request was not accepted."""


class ConcurrencyLimit(RateLimited):
    """Code 1303: all slots of the account are busy; the task was not accepted."""


class ServerError(APIError):
    """Codes from 5000 on and other 5xx answers."""


class UnreadableAnswer(APIError):
    """The answer was HTML or broken JSON, so not from the API."""


class SubmitOutcomeUnknown(KlingError):
    """The request went out; its answer was lost and not found, or could not be written down.

    The task may exist and be billed, or be made yet by a slow service. Do not submit again before
    looking: `external_task_id` finds the task when it exists. When Kling does not show it at
    `settles_at` (seconds since 1970, None when that would prove nothing), nothing was made. When
    Kling named it, `task_id` is set and `billed` is "yes".
    """

    def __init__(
        self,
        message: str,
        *,
        endpoint: str,
        external_task_id: str | None,
        billed: Billed = "unknown",
        settles_at: float | None = None,
        **facts: Any,
    ) -> None:
        self.endpoint = endpoint
        self.settles_at = settles_at
        self.external_task_id = external_task_id
        super().__init__(message, billed=billed, **facts)


class TaskFailed(KlingError):
    """The task ended as failed; `task` holds it. Failed tasks are free, as far as is known."""

    def __init__(self, message: str, *, task: Any = None, **facts: Any) -> None:
        self.task = task
        super().__init__(message, task_id=getattr(task, "task_id", None), **facts)


class WaitTimeout(KlingError):
    """We stopped waiting; the task goes on and stays billed. `task` can be waited for again."""

    def __init__(self, message: str, *, task: Any = None, **facts: Any) -> None:
        self.task = task
        super().__init__(
            message,
            task_id=getattr(task, "task_id", None),
            retryable=True,
            billed="yes",
            **facts,
        )


class LedgerError(KlingError):
    """The ledger cannot be opened or written; what is not recorded is not sent."""


class WebhookRejected(KlingError):
    """A callback is not to be believed; `http_status` is what to answer: 400, or 401 for a
    missing or wrong signature and a wrong time.
    """


class DownloadError(KlingError):
    """The output could not be fetched or written. The task is intact: download again."""

    def __init__(self, message: str, **facts: Any) -> None:
        facts.setdefault("retryable", True)
        facts.setdefault("billed", "yes")
        super().__init__(message, **facts)
