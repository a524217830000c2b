"""Every error code of the Kling API reference: its class, what is retried, who pays, what to do.

The table is written by hand. Retries are counted at a scripted port, where a read and a create are
answered with the code again and again.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

import pytest
from helpers.scripted import (
    LOST,
    REFUSED,
    Answer,
    AsyncPort,
    Port,
    Script,
    body_of,
    envelope,
    html,
    session,
    task,
)

from kling_core import KlingError, errors
from kling_core.declare import registry
from kling_core.flows.read import READ_ATTEMPTS, get, page
from kling_core.flows.resolve import RESENDS
from kling_core.flows.submit import CONNECT_ATTEMPTS, GATEWAY, submit
from kling_core.wire import error_codes
from kling_core.wire.effects import Call, Guard, Reply, Send, Sleep, adrive, drive

T2V = registry.get("t2v")
How = Literal["no", "resign", "backoff", "reads"]


class Row(NamedTuple):
    """One code as the reference has it."""

    code: int
    status: int
    error: type[KlingError]
    retry: How
    billed: str
    about: str


ROWS = [
    Row(1000, 401, errors.AuthError, "no", "no", "doctor"),
    Row(1001, 401, errors.AuthError, "no", "no", "KLING_API_KEY"),
    Row(1002, 401, errors.AuthError, "no", "no", "doctor"),
    Row(1003, 401, errors.AuthError, "resign", "no", "clock"),
    Row(1004, 401, errors.AuthError, "resign", "no", "clock"),
    Row(1100, 429, errors.AccountError, "no", "no", "account"),
    Row(1101, 429, errors.AccountError, "no", "no", "Top up"),
    Row(1102, 429, errors.AccountError, "no", "no", "pack"),
    Row(1103, 403, errors.PermissionDenied, "no", "no", "model"),
    Row(1200, 400, errors.RequestRefused, "no", "no", "message"),
    Row(1201, 400, errors.RequestRefused, "no", "no", "message"),
    Row(1202, 404, errors.NotFound, "no", "no", "KLING_BASE_URL"),
    Row(1203, 404, errors.NotFound, "no", "no", "kling models"),
    Row(1300, 400, errors.ContentPolicyError, "no", "no", "Change the request"),
    Row(1301, 400, errors.ContentPolicyError, "no", "no", "prompt"),
    Row(1302, 429, errors.RateLimited, "backoff", "no", "Wait"),
    Row(1303, 429, errors.ConcurrencyLimit, "backoff", "no", "Wait"),
    Row(1304, 429, errors.PermissionDenied, "no", "no", "allow-list"),
    Row(5000, 500, errors.ServerError, "reads", "unknown", "Look the task up"),
    Row(5001, 503, errors.ServerError, "reads", "unknown", "Look the task up"),
    Row(5002, 504, errors.ServerError, "reads", "unknown", "Look the task up"),
]
EACH = pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.code))
STATUSES = pytest.mark.parametrize("ok", [False, True], ids=["own-status", "http-200"])


def refusal(row: Row, *, ok: bool = False) -> Reply:
    status = 200 if ok else row.status
    return envelope(code=row.code, message="in Kling's words", status=status)


def create(script: Script, **settings: Any) -> Any:
    """Submit a request to a scripted server."""
    request = T2V.request(prompt="a boat", external_task_id="mine")
    return drive(submit(session(script, **settings), request), Port(script))


def not_found() -> Reply:
    message = "Task not found by id/external id: mine"
    return envelope(code=1201, message=message, status=400)


@EACH
def test_table(row: Row) -> None:
    """The library's table says what the reference says, with a cause and a fix for each code."""
    ours = error_codes.TABLE[row.code]
    assert (ours.code, ours.http_status) == (row.code, row.status)
    assert (ours.error, ours.retry, ours.billed) == (row.error, row.retry, row.billed)
    assert row.about in ours.fix
    assert ours.cause.endswith(".")
    assert ours.fix.endswith(".")
    assert error_codes.explain(row.code) is ours


def test_table_is_complete() -> None:
    """No code is missing, none is invented."""
    assert [row.code for row in ROWS] == sorted(error_codes.TABLE)
    assert error_codes.explain(4711) is None


@EACH
@STATUSES
def test_read(row: Row, ok: bool) -> None:
    """A read raises the class with all its facts, after as many tries as the code is worth.

    The business code decides: inside HTTP 200 it is the same error.
    """
    script = Script([refusal(row, ok=ok)] * 10)
    live = session(script, access_key="AK", secret_key="s" * 32)
    with pytest.raises(row.error) as caught:
        drive(get(live, T2V, "1"), Port(script))
    tries = {"no": 1, "resign": 2, "backoff": READ_ATTEMPTS, "reads": READ_ATTEMPTS}
    assert len(script.sent) == tries[row.retry]
    expected = [1.0, 2.0, 4.0, 8.0] if row.retry in ("backoff", "reads") else []
    assert script.sleeps == expected
    error = caught.value
    assert type(error) is row.error
    assert (error.code, error.http_status) == (row.code, 200 if ok else row.status)
    assert (error.message, error.request_id) == ("in Kling's words", "r-1")
    assert error.billed == "no"
    assert error.retryable is (row.retry != "no")
    assert error.cause
    assert error.fix
    assert str(row.code) in str(error)
    assert "\n" not in str(error)


@EACH
@STATUSES
def test_create(row: Row, ok: bool) -> None:
    """A create is repeated only when it cannot have been accepted, always with the same id."""
    answers: list[Answer] = [refusal(row, ok=ok)]
    if row.retry == "reads":  # in doubt: two look-ups find nothing, then it is sent again
        answers += [not_found(), not_found()]
    answers += [envelope(task("77"))] if row.retry != "no" else []
    script = Script(answers)
    if row.retry == "no":
        with pytest.raises(row.error) as caught:
            create(script, access_key="AK", secret_key="s" * 32)
        assert type(caught.value) is row.error
        assert caught.value.billed == row.billed == "no"
        assert script.methods == ["POST"]
        return
    made = create(script, access_key="AK", secret_key="s" * 32)
    assert (made.raw["task_id"], made.external_task_id) == ("77", "mine")
    assert (made.task_id, made.state) == ("77", "submitted")
    between = {"resign": [], "backoff": [], "reads": ["GET", "GET"]}[row.retry]
    assert script.methods == ["POST", *between, "POST"]
    assert script.sleeps == {"resign": [], "backoff": [1.0], "reads": [3.0, 2.0]}[row.retry]
    posts = [effect for effect in script.sent if effect.method == "POST"]
    assert [body_of(post)["external_task_id"] for post in posts] == ["mine", "mine"]


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.retry != "backoff"], ids=lambda row: str(row.code)
)
def test_create_that_never_gets_through(row: Row) -> None:
    """In the end the error says whether money was spent, and the attempts have an end."""
    answers: list[Answer] = [refusal(row)] * 2
    if row.retry == "reads":
        answers = [refusal(row), not_found(), not_found()] * (RESENDS + 1)
    script = Script(answers)
    kind = errors.SubmitOutcomeUnknown if row.retry == "reads" else row.error
    with pytest.raises(kind) as caught:
        create(script, access_key="AK", secret_key="s" * 32)
    assert caught.value.billed == row.billed
    posts = script.methods.count("POST")
    assert posts == {"no": 1, "resign": 2, "reads": RESENDS + 1}[row.retry]
    if row.retry == "reads":  # a slow service may still carry any of them out
        assert (caught.value.code, caught.value.http_status) == (row.code, row.status)
        assert "Do not submit again" in caught.value.fix


LINE_ROWS = [row for row in ROWS if row.retry == "backoff"]


@pytest.mark.parametrize("row", LINE_ROWS, ids=lambda row: str(row.code))
def test_create_waits_in_line_for_minutes_and_not_for_ever(row: Row) -> None:
    """Refused though nothing of ours runs: tried with growing pauses, then told as not billed."""
    script = Script([refusal(row)] * 100)
    with pytest.raises(row.error) as told:
        create(script)
    assert (told.value.billed, told.value.retryable) == ("no", True)
    assert 5 < len(script.sent) < 100
    assert {body_of(post)["external_task_id"] for post in script.sent} == {"mine"}
    assert script.sleeps[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert 60 <= sum(script.sleeps) <= 1000


@pytest.mark.parametrize("row", LINE_ROWS, ids=lambda row: str(row.code))
def test_create_is_taken_when_its_time_has_come(row: Row) -> None:
    """A refusal of the line costs nothing: the same id is sent until Kling takes it."""
    script = Script([refusal(row)] * 5 + [envelope(task("77"))])
    made = create(script)
    assert (made.task_id, made.state) == ("77", "submitted")
    assert script.methods == ["POST"] * 6
    assert {body_of(post)["external_task_id"] for post in script.sent} == {"mine"}


@pytest.mark.parametrize("row", LINE_ROWS, ids=lambda row: str(row.code))
def test_create_in_line_can_be_interrupted(row: Row) -> None:
    """Ctrl-C ends a pause in line at once; the row is kept, unsent, and holds nobody up."""
    script = Script([refusal(row)] * 100)
    live = session(script)
    flow = submit(live, T2V.request(prompt="a boat", external_task_id="mine"))
    guarded, effect, pauses = False, flow.send(None), 0
    while not (isinstance(effect, Sleep) and (pauses := pauses + 1) == 3):
        match effect:
            case Guard(on):
                guarded, answer = on, None
            case Call(work):
                answer = work()
            case Send():
                answer = script.answer(effect)
            case _:
                answer = None
        effect = flow.send(answer)
    assert not guarded
    assert live.ledger().row("mine").state == "waiting"
    with pytest.raises(KeyboardInterrupt):
        flow.throw(KeyboardInterrupt())
    left = live.ledger().row("mine")
    assert (left.state, left.owner, left.task_id) == ("prepared", None, None)
    assert script.methods == ["POST"] * 3


def test_the_code_decides_not_429() -> None:
    """1102 is final, 1303 is waited for, though both are HTTP 429."""
    pay = Script([envelope(code=1102, message="Account balance not enough", status=429)])
    with pytest.raises(errors.AccountError, match="Account balance not enough"):
        create(pay)
    assert pay.sleeps == []
    message = "parallel task over resource pack limit"
    busy = envelope(code=1303, message=message, status=429)
    wait = Script([busy, busy, busy, envelope(task("5"))])
    assert create(wait).raw["task_id"] == "5"
    assert wait.sleeps == [1.0, 2.0, 4.0]


def test_retry_after_is_obeyed() -> None:
    """A pause that the server names is kept, up to our longest; nonsense is not."""
    headers = [{"retry-after": "7"}, {"retry-after": "4000"}, {"retry-after": "tomorrow"}]
    busy = [envelope(code=1303, status=429, headers=h) for h in headers]
    script = Script([*busy, envelope(task("5"))])
    create(script)
    assert script.sleeps == [7.0, 30.0, 4.0]


def test_waiting_in_line_is_reported() -> None:
    """Whoever listens hears why and for how long; connection troubles are counted apart."""
    busy = envelope(code=1303, message="parallel task over resource pack limit", status=429)
    script = Script([busy] * 5 + [REFUSED, envelope(task("5"))])
    news: list[Any] = []
    request = T2V.request(prompt="a boat")
    made = drive(submit(session(script), request, on_update=news.append), Port(script))
    assert made.raw["task_id"] == "5"
    assert [(item.seconds, item.reason) for item in news] == [
        (seconds, "parallel task over resource pack limit") for seconds in (1, 2, 4, 8, 16)
    ]
    assert script.sleeps == [1, 2, 4, 8, 16, 1]


@pytest.mark.parametrize("content", [b'{"error": "slow down"}', b"<html>slow down", b""])
def test_a_bare_429_waits_in_line(content: bytes) -> None:
    """A gateway's 429 without a code of the API is judged as 1302, for reads and creates."""
    bare = Reply(429, {"retry-after": "3"}, content)
    script = Script([bare, bare, envelope(task("5"))])
    assert create(script).task_id == "5"
    assert (script.methods, script.sleeps) == (["POST"] * 3, [3.0, 3.0])
    script = Script([bare] * READ_ATTEMPTS)
    with pytest.raises(errors.RateLimited) as caught:
        drive(get(session(script), T2V, "1"), Port(script))
    assert (caught.value.billed, caught.value.retryable) == ("no", True)


def test_a_bare_429_is_not_waited_for_for_ever() -> None:
    """A gateway that never lets it through: the row is unsent, and the error says so."""
    script = Script([Reply(429, {}, b"slow down")] * 100)
    live = session(script)
    request = T2V.request(prompt="a boat", external_task_id="mine")
    with pytest.raises(errors.RateLimited) as caught:
        drive(submit(live, request), Port(script))
    assert (caught.value.billed, caught.value.retryable) == ("no", True)
    assert script.methods == ["POST"] * GATEWAY
    left = live.ledger().row("mine")
    assert (left.state, left.owner) == ("prepared", None)


@pytest.mark.parametrize("status", [500, 502, 599])
def test_5xx_without_a_known_code(status: int) -> None:
    """A server error whose body says nothing useful is judged as 5000."""
    for body in (envelope(code=0, status=status), Reply(status, {}, b'{"error": "oops"}')):
        script = Script([body, envelope(task("1"))])
        assert drive(get(session(script), T2V, "1"), Port(script)).task_id == "1"


UNKNOWN = [(200, 5003), (400, 5999), (429, 5004), (200, -1), (200, 9999), (200, 1299), (400, 4711)]
"""HTTP status and a code of no row, in answers that do not say for certain "not accepted"."""


@pytest.mark.parametrize("status, code", UNKNOWN)
def test_unknown_codes_are_looked_up(status: int, code: int) -> None:
    """Nobody knows what they mean for a create: its task may exist, and then it is ours."""
    answer = envelope(code=code, message="something new", status=status)
    script = Script([answer, envelope(task("9"))])
    assert create(script).task_id == "9"
    assert script.methods == ["POST", "GET"]
    script = Script([answer, *[LOST] * READ_ATTEMPTS])
    with pytest.raises(errors.SubmitOutcomeUnknown, match="something new"):
        create(script)


@pytest.mark.parametrize("status, code", UNKNOWN)
def test_unknown_codes_of_a_task_that_was_not_made(status: int, code: int) -> None:
    """Sent again only where it is no refusal; in the end unknown, in Kling's words.

    Nobody has said that such a code refuses, so the task may still come.
    """
    answer = envelope(code=code, message="something new", status=status)
    refusal = code in (1299, 4711)
    times = 1 if refusal else RESENDS + 1
    script = Script([answer, not_found(), not_found()] * times)
    with pytest.raises(errors.SubmitOutcomeUnknown, match="something new") as caught:
        create(script)
    error = caught.value
    assert (error.code, error.http_status, error.billed) == (code, status, "unknown")
    assert script.methods.count("POST") == times


@pytest.mark.parametrize("status, code", [(401, 1005), (429, 1103), (429, 1305), (400, 1204)])
def test_unknown_codes_of_the_classes_that_refuse(status: int, code: int) -> None:
    """Credentials, account, parameters, policy, with a 4xx: refused at once, also with 429."""
    script = Script([envelope(code=code, message="something new", status=status)])
    with pytest.raises(errors.APIError, match="something new") as caught:
        create(script)
    assert (caught.value.code, caught.value.retryable, caught.value.billed) == (code, False, "no")
    assert script.methods == ["POST"]


@pytest.mark.parametrize("status, code", UNKNOWN)
def test_unknown_codes_of_a_read(status: int, code: int) -> None:
    """A read is repeated where the server may come round; it never costs anything."""
    script = Script([envelope(code=code, message="something new", status=status)] * READ_ATTEMPTS)
    with pytest.raises(errors.APIError, match="something new") as caught:
        drive(get(session(script), T2V, "1"), Port(script))
    assert caught.value.billed == "no"
    assert len(script.sent) == (1 if code in (1299, 4711) else READ_ATTEMPTS)


# --- answers that are not the API's --------------------------------------------------------

FOREIGN = [
    html(502),
    html(200),
    Reply(200, {}, b'{"code": 0, "data": {"task_id": "1", "ta'),
    Reply(200, {}, b""),
    Reply(200, {}, b"[1, 2]"),
    Reply(200, {}, b"\xff\xfe\x00"),
    Reply(200, {}, b'{"message": "from some gateway"}'),
    html(408),
    Reply(425, {}, b"too early"),
    html(409),
    Reply(499, {}, b'{"message": "from some gateway"}'),
    envelope(data={"no": "task id"}),
    LOST,
]
WEIRD = pytest.mark.parametrize("answer", FOREIGN, ids=lambda answer: re.sub(
    r"\W+", "-", str(getattr(answer, "content", answer))[:30]
))  # fmt: skip


@WEIRD
def test_foreign_answers_to_a_create_are_looked_up(answer: Answer) -> None:
    """HTML, broken JSON, a lost answer: the task is looked up and adopted, not sent again."""
    script = Script([answer, envelope(task("9", "processing"))])
    made = create(script)
    assert (made.raw["task_id"], made.state) == ("9", "processing")
    assert script.methods == ["POST", "GET"]
    assert script.sent[1].url.endswith("/v1/videos/text2video/mine")


@WEIRD
def test_foreign_answers_that_stay_in_doubt(answer: Answer) -> None:
    """When the look-up cannot decide, the error tells the id and how to look; nothing is resent."""
    script = Script([answer, *[LOST] * READ_ATTEMPTS])
    with pytest.raises(errors.SubmitOutcomeUnknown) as caught:
        create(script)
    assert script.methods.count("POST") == 1
    assert (caught.value.external_task_id, caught.value.billed) == ("mine", "unknown")
    assert "kling.text_to_video.get('mine')" in caught.value.fix


@pytest.mark.parametrize("answer", FOREIGN[:10], ids=range(10))
def test_foreign_answers_to_a_read(answer: Answer) -> None:
    """A read is repeated; when it stays so, the error says what came instead."""
    script = Script([answer, envelope(task("1"))])
    assert drive(get(session(script), T2V, "1"), Port(script)).task_id == "1"
    script = Script([answer] * READ_ATTEMPTS)
    with pytest.raises(errors.UnreadableAnswer) as caught:
        drive(get(session(script), T2V, "1"), Port(script))
    assert "KLING_BASE_URL" in caught.value.fix
    assert caught.value.billed == "no"


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 405, 413, 414, 415, 431])
def test_pages_that_refuse(status: int) -> None:
    """A page with a status that is given before a request is passed on: raised, nothing billed."""
    script = Script([html(status)])
    with pytest.raises(errors.UnreadableAnswer) as caught:
        create(script)
    assert (caught.value.billed, caught.value.http_status) == ("no", status)
    assert script.methods == ["POST"]


def test_no_connection() -> None:
    """A create that never left is tried again with the same id, then given up unbilled."""
    script = Script([REFUSED, REFUSED, envelope(task("3"))])
    assert create(script).raw["task_id"] == "3"
    assert script.sleeps == [1.0, 2.0]
    script = Script([REFUSED] * CONNECT_ATTEMPTS)
    with pytest.raises(errors.ConnectionFailed) as caught:
        create(script)
    assert (caught.value.billed, script.methods) == ("no", ["POST"] * CONNECT_ATTEMPTS)


# --- lenient in ----------------------------------------------------------------------------


def test_numbers_as_strings_and_unknown_fields() -> None:
    """Numbers may come as text, fields may be new, optional ones null: all is read."""
    row = task(
        "123456789012345678",
        "succeed",
        created_at="1758300000000",
        updated_at=1758300000,
        task_info=None,
        task_status_msg=None,
        final_unit_deduction="1.5",
        task_result={"videos": [{"id": 7, "url": "http://x/1.mp4", "duration": 5.1, "new": {}}]},
        some_new_field=[1],
    )
    answer = envelope(row, extra={"nested": True})
    answer = Reply(200, {}, answer.content.replace(b'"code": 0', b'"code": "0"'))
    script = Script([answer])
    data = drive(get(session(script), T2V, "1"), Port(script))
    from kling_core import Kling

    with Kling(api_key="k") as kling:
        found = kling.task(T2V, data)
    assert found.created_at is not None
    assert found.updated_at is not None
    assert (found.created_at.year, found.updated_at.year) == (2025, 2025)
    assert (found.external_task_id, found.status_message) == (None, "")
    assert found.cost is not None
    assert str(found.cost.units) == "1.5"
    (video,) = found.videos
    assert (video.id, str(video.duration), video.raw["new"]) == ("7", "5.1", {})
    assert found.raw["some_new_field"] == [1]


@pytest.mark.parametrize("half", [b"\\ud83d", b"\\uD83D", b"\xed\xa0\xbd"])
def test_halves_of_characters(half: bytes) -> None:
    """A text that Kling cut through an emoji is read, kept and shown; whole ones are kept."""
    row = task("1", "failed", task_status_msg="HALF \N{GRINNING FACE}", more=["HALF"])
    answer = envelope(row, message="HALF")
    answer = Reply(200, {}, answer.content.replace(b"HALF", half))
    script = Script([answer])
    live = session(script)
    made = drive(submit(live, T2V.request(prompt="a boat", external_task_id="mine")), Port(script))
    left = live.ledger().row("mine")
    assert (made.state, left.task_id) == ("failed", "1")
    assert left.raw["task_status_msg"].endswith("\ufffd \N{GRINNING FACE}")
    assert str(left.raw).encode()


@pytest.mark.parametrize("stamp", ["soon", "", None, 1e30, -1e30, "nan", {}])
def test_strange_times_are_no_times(stamp: Any) -> None:
    """A time that cannot be read is None, never an exception."""
    from kling_core import Kling

    with Kling(api_key="k") as kling:
        assert kling.task(T2V, task("1", created_at=stamp)).created_at is None


@pytest.mark.parametrize("shape", [[task("1")], task("1")], ids=["list", "object"])
def test_single_query_as_list_or_object(shape: Any) -> None:
    """A list of one is that one."""
    script = Script([envelope(shape)])
    assert drive(get(session(script), T2V, "1"), Port(script)).task_id == "1"


@pytest.mark.parametrize("shape", [[task("1")], {"result": [task("1"), None]}, None, {}])
def test_lists_bare_or_wrapped(shape: Any) -> None:
    """A list may stand under `result`, or be missing."""
    script = Script([envelope(shape)])
    rows = drive(page(session(script), T2V), Port(script))
    assert [row.task_id for row in rows] == (["1"] if shape else [])


def test_an_unknown_status_is_still_running() -> None:
    """A word that we do not know is shown as it came, with a warning, and waited through."""
    from itertools import groupby

    from kling_core import Kling

    states = ["submitted", "queued_for_review", "succeeded"]
    script = Script([envelope(task("1", state)) for state in states])
    kling = Kling(api_key="k")
    kling.session, kling.port = session(script), Port(script)
    running = kling.task(T2V, task("1"))
    seen: list[str] = []
    with pytest.warns(errors.KlingWarning, match="queued_for_review"):
        running.wait(on_update=lambda now: seen.append(now.status))
    assert [status for status, _ in groupby(seen)] == states


def test_both_drivers_agree_about_every_code() -> None:
    """The same script gives the same trace and the same error, blocking and awaiting."""
    import asyncio

    for row in ROWS:
        answers: list[Answer] = [refusal(row), not_found(), not_found(), envelope(task("1"))]
        traces: list[Any] = []
        for kind in ("sync", "async"):
            script = Script(list(answers))
            request = T2V.request(prompt="a boat", external_task_id="mine")
            flow = submit(session(script), request)
            try:
                if kind == "sync":
                    result: Any = drive(flow, Port(script))
                else:
                    result = asyncio.run(adrive(flow, AsyncPort(script)))
            except KlingError as error:
                result = (type(error), str(error))
            traces.append((script.trace, result))
        assert traces[0] == traces[1], row
