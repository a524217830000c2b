"""The signature of callbacks, and reading both kinds of body."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from kling_core.callbacks.verify import TOLERANCE, WebhookRejected, key_of, parse, verify
from kling_core.errors import ConfigError, KlingError

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
BODY = (
    b'{"id":"1234567890","status":"succeeded","message":"",'
    b'"create_time":1781080778802,"update_time":1781080794151}'
)
STAMP = 1781080794
VECTOR = {
    "webhook-id": "9876543210",
    "webhook-timestamp": str(STAMP),
    "webhook-signature": "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=",
}
OTHER = "whsec_" + base64.b64encode(b"another secret of the same account").decode()
THIRD = "whsec_" + base64.b64encode(b"a third one, of nobody that we know").decode()


def now():
    return float(STAMP)


def signature(secret, body, webhook_id="1", stamp=STAMP):
    text = f"{webhook_id}.{stamp}.".encode() + body
    digest = hmac.new(key_of(secret), text, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def signed(*secrets, body, webhook_id="1", stamp=STAMP):
    values = [signature(secret, body, webhook_id, stamp) for secret in secrets]
    return {
        "Webhook-Id": webhook_id,
        "Webhook-Timestamp": str(stamp),
        "Webhook-Signature": " ".join(values),
    }


def test_published_vector():
    """The vendor's test vector passes, and its body is read."""
    callback = verify(VECTOR, BODY, SECRET, clock=now)
    assert (callback.task_id, callback.status) == ("1234567890", "succeeded")
    assert callback.webhook_id == "9876543210"
    assert callback.external_task_id is None
    assert callback.raw["update_time"] == 1781080794151


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "9876543211"},
        {"webhook-timestamp": str(STAMP + 1)},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": VECTOR["webhook-signature"][3:]},
        {"webhook-signature": VECTOR["webhook-signature"].replace("v1,", "v2,")},
        {"webhook-signature": "v1,\N{LATIN SMALL LETTER E WITH ACUTE}"},
        {"webhook-signature": ", ,, v1,"},
    ],
)
def test_wrong_signature(change):
    """A changed id, time, version or value is refused, and so is nonsense."""
    with pytest.raises(WebhookRejected, match="signature is wrong") as caught:
        verify(VECTOR | change, BODY, SECRET, clock=now)
    assert caught.value.http_status == 401


def test_changed_body():
    """One byte of the body more, and the signature does not fit."""
    with pytest.raises(WebhookRejected, match="signature is wrong"):
        verify(VECTOR, BODY + b" ", SECRET, clock=now)


def test_another_secret():
    """The right signature of another secret is refused."""
    with pytest.raises(WebhookRejected, match="signature is wrong"):
        verify(signed(THIRD, body=BODY), BODY, [SECRET, OTHER], clock=now)


@pytest.mark.parametrize("name", VECTOR)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_missing_header(name, value):
    """Each missing or empty header is named."""
    headers = {k: v for k, v in VECTOR.items() if k != name}
    if value is not None:
        headers[name] = value
    with pytest.raises(WebhookRejected, match=f"{name} is missing") as caught:
        verify(headers, BODY, SECRET, clock=now)
    assert caught.value.http_status == 401
    assert isinstance(caught.value, KlingError)


@pytest.mark.parametrize("stamp", ["soon", "-5", "1e9", "17810807940000000", "²"])
def test_time_that_is_none(stamp):
    """A time that is no number of seconds is named."""
    with pytest.raises(WebhookRejected, match="not a number of seconds"):
        verify(VECTOR | {"webhook-timestamp": stamp}, BODY, SECRET, clock=now)


@pytest.mark.parametrize("off", [TOLERANCE, -TOLERANCE])
def test_just_in_time(off):
    """Five minutes either way still pass."""
    assert verify(VECTOR, BODY, SECRET, clock=lambda: STAMP + off).task_id


@pytest.mark.parametrize("off, words", [(301, "301 s old"), (-301, "ahead of our clock")])
def test_stale(off, words):
    """Beyond five minutes a callback is refused, though its signature is right."""
    with pytest.raises(WebhookRejected, match=words) as caught:
        verify(VECTOR, BODY, SECRET, clock=lambda: STAMP + off)
    assert caught.value.http_status == 401


def test_own_clock():
    """Without a clock it is this computer's: the vector of long ago or ahead is out of time."""
    with pytest.raises(WebhookRejected, match="300 are allowed"):
        verify(VECTOR | {"webhook-timestamp": "1000000000"}, BODY, SECRET)


def test_rotation():
    """Old and new secret both pass while we know both, whichever Kling signs with, or with both."""
    for used in ([SECRET], [OTHER], [THIRD, SECRET], [OTHER, SECRET]):
        assert verify(signed(*used, body=BODY), BODY, [SECRET, OTHER], clock=now).task_id
    with pytest.raises(WebhookRejected):
        verify(signed(SECRET, body=BODY), BODY, OTHER, clock=now)


def test_every_pair_is_compared(monkeypatch):
    """No early end tells which secret or value came near."""
    compared = []
    real = hmac.compare_digest

    def counting(one, other):
        compared.append(one)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    verify(signed(SECRET, OTHER, THIRD, body=BODY), BODY, [SECRET, OTHER], clock=now)
    assert len(compared) == 6


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!", "whsec_abc"])
def test_secret_that_is_none(secret):
    """A broken secret is our mistake, not the sender's."""
    with pytest.raises(ConfigError, match="webhook secret"):
        verify(VECTOR, BODY, secret, clock=now)


def test_no_secret_at_all():
    """An empty list of secrets never lets anything pass."""
    with pytest.raises(ConfigError, match="no webhook secret"):
        verify(VECTOR, BODY, [], clock=now)


def test_flat_body():
    """The flat body of /v1 is read: both ids, our word for the state, the message."""
    body = {
        "task_id": "77",
        "task_status": "succeed",
        "task_status_msg": "well",
        "task_info": {"external_task_id": "mine"},
        "task_result": {"videos": [{"id": "1", "url": "https://x/1.mp4"}]},
    }
    callback = parse(json.dumps(body).encode())
    assert (callback.task_id, callback.external_task_id) == ("77", "mine")
    assert (callback.status, callback.message) == ("succeeded", "well")
    assert callback.webhook_id == ""


def test_new_body():
    """The new standard's body is read; an unknown state is given as it came."""
    callback = parse(b'{"id": 78, "status": "paused", "external_id": "mine", "outputs": []}')
    assert (callback.task_id, callback.external_task_id) == ("78", "mine")
    assert callback.status == "paused"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b"not json",
        b"[]",
        b'"text"',
        b"null",
        b"{}",
        b'{"task_id": null}',
        b'{"task_id": {"a": 1}}',
        b'{"task_id": true}',
        b"[" * 100_000,
    ],
)
def test_body_that_is_no_callback(body):
    """Whatever is signed and no callback is 400, never a crash."""
    with pytest.raises(WebhookRejected) as caught:
        verify(signed(SECRET, body=body), body, SECRET, clock=now)
    assert caught.value.http_status == 400


def test_odd_insides():
    """Fields of unexpected types do no harm."""
    callback = parse(b'{"task_id": "1", "task_info": [], "task_status": {}, "external_id": []}')
    assert (callback.external_task_id, callback.status) == (None, "")
