"""Between a form's values, which are plain data, and a request.

A medium is `{"upload": id, "name": …}`, or a text: a path, a URL, or a variable's name, in braces
or bare. In every other text that is no prose, `{name}` alone is the variable too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kling_core.commands.arguments import UsageProblem
from kling_core.declare.fields import Part
from kling_core.declare.kinds import Medium, innermost, kind_of, part_of
from kling_core.media.inputs import Media, Unreadable, read
from kling_jupyter.codegen import Variable
from kling_jupyter.input_values import request_of
from kling_jupyter.media_files import each_medium
from kling_jupyter.parsing import variables

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Endpoint, Request
    from kling_core.declare.fields import Param
    from kling_core.media.item import Kind
    from kling_jupyter.widgets.form_uploads import Upload, Uploads

__all__ = ["Reading", "uploads_in", "written"]


class Reading:
    """The values of a form, read.

    `request` has its variables looked up and its media examined; `media` are those that could be
    read, by their place. `problems` are what stands in the way besides the request's own
    violations, by place: a variable that is not there, a file that is still on its way.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        values: Mapping[str, Any],
        uploads: Uploads,
        names: Mapping[str, Any],
    ) -> None:
        self.media: dict[str, Media] = {}
        self.problems: dict[str, str] = {}
        self._endpoint, self._uploads, self._names = endpoint, uploads, names
        self._params = endpoint.request.params()
        self._values = {k: v for k, v in values.items() if k in self._params}
        fields = {name: self._looked_up(name, value) for name, value in self._values.items()}
        self.request = each_medium(self._adopted(fields), self._examined)

    def spelled(self) -> Request:
        """The request for code: variables by their names, uploads with their data."""

        def spell(value: Any, kind: Kind, place: str) -> Any:
            if isinstance(value, Mapping):
                return self._upload(cast("Mapping[str, Any]", value), kind, place)
            return self._variable(value) or value

        given = {
            name: value if self._is_medium(name) else self._named(name, value)
            for name, value in self._values.items()
        }
        return each_medium(self._endpoint.request(**given), spell)

    # --- variables -------------------------------------------------------------------------

    def _looked_up(self, name: str, value: Any) -> Any:
        """The value with the objects of its variables, where it may name any."""
        if isinstance(value, list) and self._is_medium(name):
            several = cast("list[Any]", value)
            return [self._object(v, f"{name}.{i}") for i, v in enumerate(several)]
        if self._is_medium(name) or isinstance(self._named(name, value), Variable):
            return self._object(value, name)
        return cast("Any", value)

    def _is_medium(self, name: str) -> bool:
        return isinstance(innermost(kind_of(self._params[name])), Medium)

    def _named(self, name: str, value: Any) -> Any:
        """The variable of a text in braces, in a field that is neither medium nor prose."""
        whole = variables.path(value) if isinstance(value, str) else None
        return Variable(whole) if whole and not self._params[name].prose else value

    def _variable(self, value: Any) -> Variable | None:
        """What a medium's text names: `{photo}`, or `photo` when there is no file of that name."""
        text = value.strip() if isinstance(value, str) else ""
        whole = variables.path(text)
        bare = text.isidentifier() and text in self._names and not Path(text).exists()
        return Variable(whole or text) if whole or bare else None

    def _object(self, value: Any, place: str) -> Any:
        variable = self._variable(value)
        if variable is None:
            return value
        try:
            return variables.evaluate(variable.expression, self._names)
        except variables.Missing as error:
            self.problems[place] = str(error)
            return value

    def _adopted(self, fields: Mapping[str, Any]) -> Request:
        good: dict[str, Any] = {}
        for name, value in fields.items():
            try:
                # Each by itself: what is wrong with one is told at its field only.
                request_of(self._endpoint, {name: value})
            except UsageProblem as error:
                self.problems[name] = str(error).partition(": ")[2] or str(error)
            else:
                good[name] = value
        return request_of(self._endpoint, good)

    # --- media -----------------------------------------------------------------------------

    def _examined(self, value: Any, kind: Kind, place: str) -> Any:
        if isinstance(value, Mapping):
            made: Any = self._upload(cast("Mapping[str, Any]", value), kind, place)
        else:
            made = self._object(value, place)
        if made is None:
            return None
        try:
            self.media[place] = read(made, kind, field=place)
        except Unreadable:  # the check says why
            return made
        return self.media[place]

    def _upload(self, value: Mapping[str, Any], kind: Kind, place: str) -> Media | None:
        upload: Upload | None = self._uploads.get(str(value.get("upload")))
        if upload is None:
            self.problems[place] = f"{value.get('name', 'the file')} is still on its way"
            return None
        if kind not in upload.media:
            upload.media[kind] = Media.of_bytes(kind, upload.name, upload.data, field=place)
        return upload.media[kind]


def written(request: Request, uploads: Uploads) -> dict[str, Any]:
    """The values of a form that make this request; data is put among the uploads.

    A medium that cannot be read any more stays as it is, for the check to say so.
    """

    def plain(value: Any, kind: Kind, place: str) -> Any:
        try:
            media = read(value, kind, field=place)
        except Unreadable:
            return value if isinstance(value, str) else str(value)
        if media.url is not None or media.path is not None:
            return media.url or str(value if isinstance(value, str) else media.path)
        with media.open() as stream:
            upload = uploads.put(media.name, stream.read())
        return {"upload": upload.id, "name": upload.name, "size": len(upload.data)}

    params = request.params()
    given = each_medium(request, plain).given
    return {name: _full(params[name], value) for name, value in given.items() if name in params}


def _full(declared: Param, value: Any) -> Any:
    """The value in its full spelling, as the page writes it: `zoom=5` as the whole object."""
    if declared.parse is not None:
        try:
            value = declared.parse(value)
        except ValueError:
            return _plain(value)
    part = part_of(declared)
    return _plain(value) if part is None else _trimmed(part, _plain(value))


def _trimmed(part: type[Part], value: Any) -> Any:
    """Objects without the zeros of a part in which one value only may be another."""
    if isinstance(value, list):
        return [_trimmed(part, entry) for entry in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    params, fields = part.params(), cast("dict[str, Any]", value)
    kept = {k: v for k, v in fields.items() if v != 0 or not part.one_only}
    inner = {k: part_of(params[k]) if k in params else None for k in kept}
    return {k: _trimmed(p, v) if (p := inner[k]) else v for k, v in kept.items()}


def uploads_in(values: Any) -> Iterator[str]:
    """The ids of all uploads that values speak of."""
    if isinstance(values, Mapping):
        inside = cast("Mapping[str, Any]", values)
        if "upload" in inside:
            yield str(inside["upload"])
        values = list(inside.values())
    if isinstance(values, list):
        for value in cast("list[Any]", values):
            yield from uploads_in(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return _plain(value.given)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in cast("list[Any]", value)]
    return value if isinstance(value, (str, int, float, bool)) else str(value)
