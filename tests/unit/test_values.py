"""Values as programs and tables have them: numpy, pandas, decimals, enumerations, empty cells."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from kling_core import Kling
from kling_core.declare.plain_values import as_id, plain
from kling_core.errors import InvalidRequest, TaskNotFound

NAN = float("nan")


def of_pandas(name, **members):
    """A class that calls itself one of pandas, which the tests do not install."""

    def refuse(*_args):
        raise TypeError("boolean value of NA is ambiguous")

    facts = {"__module__": "pandas._libs.missing", "__bool__": refuse, "__eq__": refuse, **members}
    return type(name, (), {"__hash__": object.__hash__, **facts})()


NA, NAT = of_pandas("NAType"), of_pandas("NaTType")
EMPTY = [None, NAN, np.nan, np.float32("nan"), NA, NAT, Decimal("NaN"), np.datetime64("NaT")]


class Mode(enum.Enum):
    PRO = "pro"


class Text(enum.StrEnum):
    PRO = "pro"


class Seconds(enum.IntEnum):
    FIVE = 5


@pytest.fixture
def kling(tmp_path):
    with Kling(api_key="x" * 20, home=tmp_path) as client:
        yield client


@pytest.mark.parametrize(
    "value, expected",
    [
        (np.int64(5), 5),
        (np.uint8(5), 5),
        (np.float32(0.5), 0.5),
        (np.float64(5), 5.0),
        (np.True_, True),
        (np.str_("a boat"), "a boat"),
        (np.array(5), 5),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["a", np.nan], dtype=object), ["a", None]),
        (Decimal("5.00"), 5),
        (Decimal("0.5"), 0.5),
        (Fraction(10, 2), 5),
        (Fraction(1, 2), 0.5),
        (Mode.PRO, "pro"),
        (Text.PRO, "pro"),
        (Seconds.FIVE, 5),
        ([np.int64(1), NAN], [1, None]),
        ({"zoom": np.int64(5)}, {"zoom": 5}),
        ((np.int64(1),), (1,)),
    ],
)
def test_values_become_plain(value, expected):
    """By value and by type, so that JSON, SQL and pydantic take them."""
    made = plain(value)
    assert made == expected
    assert type(made) is type(expected)
    json.dumps(made)


@pytest.mark.parametrize("value", EMPTY, ids=lambda value: type(value).__name__)
def test_an_empty_cell_is_left_out(kling, value):
    """In every kind of field: text, number, choice, media."""
    assert plain(value) is None
    verdict = kling.text_to_video.check(
        prompt="a boat", negative_prompt=value, aspect_ratio=value, duration=value, sound=value
    )
    assert verdict.ok, verdict.violations
    assert kling.text_to_video.request(prompt="a boat", cfg_scale=value).given == {
        "prompt": "a boat"
    }
    image = "https://example.com/a.png"
    assert kling.image_to_video.check(image=image, image_tail=value, prompt=value).ok
    (wrong,) = kling.text_to_video.check(prompt=value).violations
    assert wrong.message == "is required"


def test_what_is_no_scalar_stays_as_it_is():
    """Pixels, media objects, lists in which nothing changes."""
    pixels, words, thing = np.zeros((4, 4, 3), np.uint8), ["a", "b"], object()
    assert plain(pixels) is pixels
    assert plain(words) is words
    assert plain(thing) is thing


@pytest.mark.parametrize(
    "duration", [np.int64(10), np.uint8(10), np.float32(10), Decimal(10), Fraction(10), "10.0"]
)
def test_a_duration_of_any_kind(kling, duration):
    """The price and the body are those of the plain number."""
    assert kling.text_to_video.quote(prompt="a boat", duration=duration) == (
        kling.text_to_video.quote(prompt="a boat", duration=10)
    )
    assert kling.text_to_video.check(prompt="a boat", duration=duration).fields["duration"] == "10"
    (wrong,) = kling.text_to_video.check(prompt="a boat", duration=np.float64(5.5)).violations
    assert "not a whole number" in wrong.message


def test_switches_and_choices(kling):
    """What numpy and enumerations call true, false and pro."""
    given = {"prompt": "a boat", "model_name": "kling-v2-6", "mode": Mode.PRO}
    assert kling.text_to_video.check(**given, sound=np.True_).fields["sound"] == "on"
    assert kling.text_to_video.check(**given, sound=np.False_).fields["sound"] == "off"
    assert kling.text_to_video.check(**{**given, "mode": Text.PRO}).ok


@dataclass
class Row:
    prompt: str
    duration: object
    negative_prompt: object = NAN


class Tuple(NamedTuple):
    prompt: str
    duration: object
    negative_prompt: object


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": np.str_("a boat"), "duration": np.int64(10), "negative_prompt": NAN},
        vars(Row("a boat", np.float64(10))),
        Tuple("a boat", "10.0", NA)._asdict(),
        vars(SimpleNamespace(prompt="a boat", duration=Decimal(10), negative_prompt=None)),
    ],
)
def test_a_row_of_a_table(kling, row):
    """As keyword arguments, however the program holds it; all are one request."""
    request = kling.text_to_video.request(**row)
    assert request.check().ok, request.check().violations
    same = kling.text_to_video.request(prompt="a boat", duration=10)
    assert request.check().fields == same.check().fields


@pytest.mark.parametrize("number", [396518070089424738, np.int64(396518070089424738)])
def test_ids_as_numbers(kling, number):
    """A table of ids is one of whole numbers."""
    request = kling.video_extension.request(video_id=number, prompt="a boat")
    assert request.check().fields["video_id"] == "396518070089424738"
    with pytest.raises(TaskNotFound, match="knows no task '396518070089424738'"):
        kling.tasks.get(number)
    assert as_id(12.0) == "12"


@pytest.mark.parametrize("lost", [3.96518070089424738e17, np.float64(2**60), 1.5])
def test_ids_that_have_lost_digits(kling, lost):
    """An empty cell makes a column of floats, whose ids are those of other tasks."""
    with pytest.raises(ValueError, match="dtype=str"):
        as_id(lost)
    with pytest.raises(TaskNotFound, match="lost digits"):
        kling.tasks.get(lost)
    with pytest.raises(InvalidRequest, match="lost digits"):
        kling.video_extension.create(video_id=lost, prompt="a boat")
    found = kling.image_generation.check(prompt="a boat", element_list=[lost]).violations
    assert any("lost digits" in violation.message for violation in found)


@pytest.mark.parametrize("nothing", [None, True, NA, b"12"])
def test_what_is_no_id(kling, nothing):
    with pytest.raises(TaskNotFound, match="not a task id"):
        kling.tasks.get(nothing)


def test_counts(kling):
    """Limits go into SQL, which knows no numpy."""
    assert kling.tasks.recent(np.int64(3)) == []
    assert kling.tasks.find("boat", limit=np.int32(3)) == []
    with pytest.raises(InvalidRequest):
        kling.tasks.recent(np.float64(1.5))
