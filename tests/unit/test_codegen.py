"""Code made of a request gives the same request again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.media import picture
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager
from PIL import Image

from kling_core.declare import kinds, registry
from kling_core.declare.fields import Param
from kling_core.media.item import Media
from kling_jupyter import codegen
from kling_jupyter.codegen import Variable
from kling_jupyter.input_values import request_of
from kling_jupyter.media_files import media_in_files
from kling_jupyter.parsing import grammar, input_transform

READER = TransformerManager()
READER.token_transformers.append(input_transform.KlingLine)


class Kernel:
    """What a cell does, up to the request that its magic or its client makes."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.requests: list[Any] = []
        self.names = {**names, "get_ipython": lambda: self}

    def run(self, cell: str) -> Any:
        exec(READER.transform_cell(cell), self.names)
        (request,) = self.requests
        return request

    def run_line_magic(self, name: str, line: str) -> None:
        self._magic(name, line, None)

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        self._magic(name, line, cell)

    def _magic(self, name: str, line: str, cell: str | None) -> None:
        assert name == "kling"
        word, rest = grammar.first_word(line)
        endpoint = registry.get(word)
        typed = grammar.generation(endpoint, rest, cell, self.names)
        assert not typed.notes
        self.requests.append(request_of(endpoint, typed.fields))


def from_magic(code: str, **names: Any) -> Any:
    return Kernel(names).run(code)


def from_python(code: str, endpoint: Any, **names: Any) -> Any:
    made: list[Any] = []

    class Resource:
        def run(self, **fields: Any) -> None:
            made.append(endpoint.request(**fields))

    class Kling:
        def __getattr__(self, name: str) -> Resource:
            assert name == endpoint.name
            return Resource()

    code = code.replace("from kling_core import Kling\n", "")
    exec(code, {**names, "Kling": Kling})
    return made[0]


def content(request: Any) -> Any:
    """What a request says, in a form that compares."""
    check = request.check()
    return _plain({name: check.fields[name] for name in check.sent & check.fields.keys()})


def _plain(value: Any) -> Any:
    if isinstance(value, Media):
        return (value.kind, value.url or str(value.path))
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list) else value


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
WORDS = st.one_of(
    TEXT, st.sampled_from(["{a}", "-d 5", "--raw", "it's", 'a "b" \\', "a\nb", "---"])
)


def values(declared: Param, kind: kinds.Kind) -> Any:
    """Any value that the declared field may hold."""
    match kind:
        case kinds.ListOf(item=item, least=least):
            size = 2 if isinstance(item, kinds.Medium) else least
            return st.lists(values(declared, item), min_size=size, max_size=size)
        case kinds.Medium():
            return st.sampled_from(["https://example.org/a%20b.png?x=1&y=2", "https://h/{a}.mp4"])
        case kinds.Piece(part=part):
            return fields(part)
        case kinds.OneOf(values=words) | kinds.Switch(values=words):
            return st.sampled_from(words)
        case kinds.Flag():
            return st.booleans()
        case kinds.Number(bounded=False):
            return st.integers(1, 15)
        case kinds.Number(whole=whole, least=least, most=most):
            number = st.integers(int(least), int(most))
            return number if whole else number | st.floats(least, most)
        case kinds.Id(whole=True):
            return st.integers(int(declared.ge), int(declared.le))
        case _:
            return WORDS


def fields(part: Any) -> Any:
    """Any fields of a request or a piece of one."""
    known = {name: values(p, kinds.kind_of(p)) for name, p in part.params().items()}
    needed = {name: s for name, s in known.items() if part.params()[name].required}
    return st.fixed_dictionaries(
        needed, optional={k: v for k, v in known.items() if k not in needed}
    )


@st.composite
def requests(draw: Any) -> Any:
    endpoint = draw(st.sampled_from(registry.endpoints()))
    return endpoint.request(**draw(fields(endpoint.request)))


def t2v(**given: Any) -> Any:
    return registry.get("text_to_video").request(**given)


@settings(max_examples=400, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(requests())
@example(t2v(prompt="on the road", sound="on"))
@example(t2v(prompt="a {cat}", negative_prompt="two\nlines {cat}"))
@example(t2v(prompt="a\n---\nseed: 7"))
@example(t2v(prompt="a\n — \nduration: 5"))
@example(t2v(prompt="ends in \\"))
@example(t2v(multi_prompt=[{"prompt": "a pair of {} braces", "duration": 5}]))
@example(t2v(prompt=" blanks around \n"))
@example(t2v(prompt="blanks on a last line\n "))
@example(t2v(prompt=">>> not a prompt of Python"))
@example(t2v(prompt="is it?"))
@example(t2v(prompt="--mode pro"))
@example(t2v(prompt="(' \"", negative_prompt="--mode"))
@example(
    registry.get("virtual_try_on").request(
        model_name="#1", human_image="https://h/a.png", cloth_image="https://h/b.png"
    )
)
def test_the_copied_magic_gives_the_same_request(request):
    """IPython and the grammar read from the code exactly what it was made of."""
    assert content(from_magic(codegen.magic(request))) == content(request)


@settings(max_examples=200, deadline=None)
@given(requests())
def test_the_copied_python_gives_the_same_request(request):
    """Python reads from the code exactly what it was made of."""
    assert from_python(codegen.python(request), request.endpoint).given == request.given


def test_variables_are_named_and_the_rest_is_kept_from_them():
    """A variable is written by its name, and braces beside it stay text."""
    photo = Image.new("RGB", (400, 400))
    made = registry.get("i2v").request(image=Variable("photo"), prompt="a {photo}\nin two lines")
    again = from_magic(codegen.magic(made), photo=photo)
    assert again.given == {"image": photo, "prompt": "a {photo}\nin two lines"}
    assert from_python(codegen.python(made), made.endpoint, photo=photo).given == again.given


def test_a_variable_of_a_fields_name_is_not_overwritten():
    """What goes into a variable never takes the name of one that the code uses."""
    image = Image.new("RGB", (400, 400))
    made = registry.get("i2v").request(
        prompt="a", image=Variable("negative_prompt"), negative_prompt="b\nc"
    )
    again = from_magic(codegen.magic(made), negative_prompt=image)
    assert again.given["image"] is image
    assert again.given["negative_prompt"] == "b\nc"


@pytest.mark.parametrize(
    "given, code",
    [
        ({"prompt": "a cat's toy", "duration": 5}, "%kling text-to-video --duration 5 a cat's toy"),
        ({"prompt": "a", "camera_control": {"zoom": 5}}, "%kling text-to-video --camera zoom=5 a"),
        (
            {"prompt": "a", "camera_control": {"type": "down_back"}},
            "%kling text-to-video --camera down_back a",
        ),
        ({"prompt": "two\nlines"}, "%%kling text-to-video\ntwo\nlines"),
        ({"prompt": "a {b}", "sound": True}, "%kling text-to-video --raw --sound on a {b}"),
        ({"prompt": "a", "multi_shot": False}, "%kling text-to-video --no-multi-shot a"),
    ],
)  # fmt: skip
def test_the_magic_is_what_a_person_would_type(given, code):
    """Short spellings where there are some, one line where it fits."""
    assert codegen.magic(t2v(**given)) == code


def test_data_becomes_a_file_once(tmp_path):
    """Bytes and pictures are written into the folder, each content once, and named from `start`."""
    made = registry.get("i2v").request(
        image=picture(), image_tail=picture(), prompt="a", static_mask="https://h/m.png"
    )
    plain = media_in_files(made, tmp_path / "kling_outputs" / "inputs", start=tmp_path)
    (file,) = (tmp_path / "kling_outputs" / "inputs").iterdir()
    assert file.read_bytes() == picture()
    name = file.relative_to(tmp_path).as_posix()
    assert plain.given == {
        "image": name, "image_tail": name, "prompt": "a", "static_mask": "https://h/m.png"
    }  # fmt: skip
    assert file.suffix == ".png"


def test_media_inside_pieces_become_files_too(tmp_path):
    """A mask of the motion brush and an image of a list go into files like any other."""
    path = [{"x": 1, "y": 1}, {"x": 9, "y": 9}]
    brush = registry.get("i2v").request(dynamic_masks=[{"mask": picture(), "trajectories": path}])
    found = media_in_files(brush, tmp_path).given["dynamic_masks"]
    assert found[0]["trajectories"] == path
    assert Path(found[0]["mask"]).read_bytes() == picture()
    several = registry.get("multi_image_to_video").request(
        image_list=[{"image": picture()}, "b.png"]
    )
    (first, second) = media_in_files(several, tmp_path).given["image_list"]
    assert first == found[0]["mask"]
    assert second == "b.png"
