"""What became of a create whose answer was lost: found, or open until a moment that is told.

By the id that we gave it; endpoints that take none (lip-sync) compare the account's list before and
after (`kling_core.flows.likeness`): the edition says which. Nothing here sends a create.

What Kling shows is believed at once. That it shows nothing is a hint: a slow service may still
carry the request out, and its look-ups lag. Only a look after `Row.doubt_until` proves it, and only
one that would have shown the task: that the look-up itself is not there proves nothing, nor can
any look disprove an acceptance.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from kling_core import errors
from kling_core import text as words
from kling_core.advice import Advice, Text
from kling_core.caller_warnings import notify
from kling_core.editions.base import FIRST
from kling_core.editions.task_facts import TaskFacts
from kling_core.errors import KlingError, SubmitOutcomeUnknown
from kling_core.flows import likeness, read
from kling_core.flows.attempt import Attempt
from kling_core.ledger.records import Claims, Row
from kling_core.wire.effects import Call, Flow, Sleep

__all__ = ["adopt", "believed", "doubted", "find", "how_to_find", "read_list", "resolve", "unknown"]

RESENDS = 2
"""How often a create is sent again after two look-ups found nothing."""

LIST_PAGES = 10
"""How many pages of a list are compared."""


def believed(attempt: Attempt, row: Row) -> float:
    """The moment from which "not found" is believed of a row that was sent, by the ledger's clock.

    Whoever holds the row now knows that no exchange of it is under way, so it is never later than
    counted from now, whatever a clock that was far ahead has written.
    """
    now, settling = attempt.ledger.now(), attempt.session.pace.settling
    if row.doubt_until is None:  # its process ran older code
        return (row.updated_at + settling) if row.unsettled else now
    return min(row.doubt_until, now + settling)


def adopt(attempt: Attempt, error: KlingError) -> Flow[TaskFacts]:
    """The server has a task with our id already: that task is ours."""
    found = yield from find(attempt, error)
    if found is None and attempt.ours:
        raise unknown(attempt, error, errors.TaskNotFound("it finds no such task"))
    if found is None:
        error.fix = "A task of another endpoint has this external_task_id: choose another one."
        raise error
    if not attempt.ours:
        notify(
            f"external_task_id {attempt.external_task_id} is that of task {found.task_id}, "
            "made elsewhere: that task is returned, whatever it was asked for"
        )
    return found


def doubted(attempt: Attempt, facts: TaskFacts) -> KlingError | None:
    """Why an answer that accepts a create decides nothing; None when it is about this request.

    What was accepted is there: without the id it can be looked for, and is never sent again.
    """
    if _of_another(attempt, facts):
        text = "Kling answered with the task of another request"
    elif not attempt.decides(facts):
        what = "no task" if attempt.endpoint.has_tasks else "nothing that it made"
        text = f"Kling accepted the request but named {what}"
    else:
        return None
    return errors.UnreadableAnswer(text, retryable=True, billed="unknown")


def _of_another(attempt: Attempt, facts: TaskFacts) -> bool:
    """Whether an answer names the external id of another request; an empty one is not set."""
    return facts.external_task_id not in ("", attempt.external_task_id)


def resolve(attempt: Attempt, error: KlingError) -> Flow[TaskFacts | None]:
    """The outcome is in doubt: the task when Kling shows it, else None to send again, same id.

    Raises `SubmitOutcomeUnknown` when it is not to be sent again: it may still become a task.
    """
    found = yield from find(attempt, error)
    if found is not None:
        return found
    attempt.resends += 1
    again = error.retryable and attempt.resendable
    if not again or attempt.resends > RESENDS:
        raise unknown(attempt, error)
    attempt.ours = True  # from here on "this id exists already" speaks of our own POST
    yield Sleep(attempt.session.backoff(attempt.resends))
    return None


def find(
    attempt: Attempt, error: KlingError, *, looks: int = 2, certain: bool = False
) -> Flow[TaskFacts | None]:
    """The task; None when as many looks, seconds apart, show none.

    `certain` when it would be shown by now: the moment of belief is over.

    Raises `SubmitOutcomeUnknown` when they decide nothing.
    """
    by = attempt.find.by
    if by == "nothing":
        raise unknown(attempt, error)
    if by == "list":
        return (yield from _compare(attempt, error, looks=looks, certain=certain))
    missing: errors.NotFound | None = None
    for look in range(looks):
        if look:
            yield Sleep(attempt.session.pace.recheck)
        try:
            found = yield from _look_up(attempt)
        except errors.NotFound as trouble:
            missing = trouble
            continue
        except KlingError as trouble:
            # A 404 that is not Kling's word for a task: perhaps there is no such look-up.
            attempt.blind = trouble.http_status == 404
            raise unknown(attempt, error, trouble) from trouble
        if found is not None:
            return found
    if missing is not None:  # it may be the look-up that is not there, and not the task
        attempt.blind = True
        raise unknown(attempt, error, missing) from missing
    return None


def _look_up(attempt: Attempt) -> Flow[TaskFacts | None]:
    wanted = attempt.external_task_id
    assert wanted is not None
    try:
        facts = yield from read.own(attempt.session, attempt.way, wanted, attempts=attempt.reads)
    except errors.TaskNotFound:  # which is a hint, and no proof
        return None
    if not facts.task_id or _of_another(attempt, facts):
        raise errors.UnreadableAnswer("Kling answered the look-up without this task")
    return facts


def read_list(attempt: Attempt) -> Flow[None]:
    """Remember the account's tasks before the first POST, for whoever has to compare after it."""
    listed, _ = yield from _list(attempt)
    attempt.known = frozenset(task.task_id for task in listed)
    yield Call(partial(attempt.ledger.remember, attempt.id, sorted(attempt.known)))


def _list(attempt: Attempt) -> Flow[tuple[list[TaskFacts], bool]]:
    """The tasks that Kling lists for the endpoint, or the account, and whether these are all."""
    found: list[TaskFacts] = []
    place = FIRST
    for _ in range(LIST_PAGES):
        size = attempt.way.edition.page_size
        page = yield from read.listing(
            attempt.session, attempt.way, place, size, attempts=attempt.reads
        )
        found += page.tasks
        if page.following is None:
            return found, page.whole
        place = page.following
    return found, False


def _compare(
    attempt: Attempt, error: KlingError, *, looks: int, certain: bool
) -> Flow[TaskFacts | None]:
    """The one new task of the list that is ours; None when a whole list shows none that could be.

    The list is read first, then what others have made: whoever made a task of the list has been
    told so by then, or still counts as a rival.
    """
    if attempt.known is None:
        known: frozenset[str] | None = yield Call(partial(attempt.ledger.remembered, attempt.id))
        if known is None:  # it ended before the list was read, so before the POST
            return None
        attempt.known = known
    whole, seen = True, dict[str, None]()
    for _ in range(looks):
        if looks > 1:  # lists lag; a single look is another create's, who must not wait
            yield Sleep(attempt.session.pace.recheck)
        try:
            listed, all_of_them = yield from _list(attempt)
        except KlingError as trouble:
            raise unknown(attempt, error, trouble) from trouble
        whole = whole and all_of_them
        account = attempt.way.edition.lists_account
        claims: Claims = yield Call(partial(attempt.ledger.claims, attempt.id, account=account))
        like = likeness.among(listed, attempt.known, claims, attempt)
        found = like.found(certain=certain and whole)
        if found is not None:
            return found
        seen |= dict.fromkeys(like.candidates)
        if len(like.same) > 1:  # more looks make them no fewer
            break
    if whole and not seen:
        return None
    raise unknown(attempt, error, candidates=tuple(seen))


def unknown(
    attempt: Attempt,
    reason: KlingError,
    trouble: KlingError | None = None,
    *,
    candidates: Sequence[str] = (),
) -> SubmitOutcomeUnknown:
    """The error of a create that may have become a task, or may yet."""
    then = f"; the look-up: {trouble.message}" if trouble else ""
    maybe = f"; it may be task {' or '.join(candidates)}" if candidates else ""
    return SubmitOutcomeUnknown(
        f"the request went out but its answer was lost ({reason.message}{then}{maybe})",
        endpoint=attempt.endpoint.name,
        external_task_id=attempt.external_task_id,
        code=reason.code,
        http_status=reason.http_status,
        request_id=reason.request_id,
        settles_at=attempt.until if attempt.provable else None,
        fix=how_to_find(attempt),
    )


def how_to_find(attempt: Attempt) -> str:
    """What to do about a request whose outcome is unknown."""
    name, until, again = attempt.endpoint.name, attempt.until, Advice("resume")
    when = "" if until is None else f" at {words.at(until, attempt.ledger.now())}"
    proof = f"; if it is not there{when}, nothing was made" if when else ""
    if not attempt.provable:
        return _by_hand(attempt, again)
    if attempt.find.by == "own_id":
        return Text(
            "Do not submit again: ",
            again,
            f" looks it up and takes it over{proof}. Until then it counts as made. By hand: ",
            Advice("get", attempt.external_task_id or "", name),
            " gives your task.",
        )
    return Text(
        "Do not submit again: ",
        again,
        f" compares the account's list{proof}. Until then it counts as made. By hand: ",
        Advice("list", endpoint=name),
        " shows the newest tasks, and a new one from the same video is yours.",
    )


def _by_hand(attempt: Attempt, again: Advice) -> str:
    """The same where no look-up can prove that nothing was made."""
    name, hand = attempt.endpoint.name, "the usage page of Kling's console tells what was made"
    if attempt.find.by == "nothing":
        return (
            "Do not call again unless you may pay twice: what answers at once cannot be looked up. "
            f"It counts as made until it is given up (kling.tasks.give_up({attempt.id!r})). By "
            f"hand: {hand}."
        )
    if attempt.blind:
        why = "this host has no such look-up: check KLING_BASE_URL and the path setting"
    elif attempt.said is not None:
        why = "Kling has accepted it, so that it is not shown proves nothing"
    else:
        why = "no look-up can show it"
    if attempt.find.by == "own_id" and not attempt.blind:
        own = Advice("get", attempt.external_task_id or "", name)
        hand = Text(own, " gives your task when it is shown")
    return Text(
        "Do not submit again: ",
        again,
        f" looks again, but {why}. It counts as made until it is found or given up (",
        Advice("give up", attempt.id),
        "). By hand: ",
        hand,
        ".",
    )
