"""The form of an endpoint: one widget, made of the declaration alone.

    form = KlingForm("image_to_video", workspace)
    form.values = {"prompt": "the sea", "duration": "10"}
    form.errors, form.disabled, form.cost    # judged by the same checks as every request

Every change is judged in Python and nothing is ever corrected. A press on the button sends what
was judged, at the price that was shown, and once.
"""

# ipywidgets has no complete types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import traitlets

from kling_core.declare import choices, registry
from kling_core.errors import ConfigError, KlingError
from kling_jupyter import codegen
from kling_jupyter.errors import translated
from kling_jupyter.media_files import media_in_files
from kling_jupyter.parsing import variables
from kling_jupyter.settings import Settings
from kling_jupyter.widgets import thumbs
from kling_jupyter.widgets.base import Widget, script, style
from kling_jupyter.widgets.form_results import Results
from kling_jupyter.widgets.form_spec import spec
from kling_jupyter.widgets.form_uploads import UploadRefused, Uploads
from kling_jupyter.widgets.form_values import Reading, uploads_in, written
from kling_jupyter.widgets.verdict import Verdict, form_verdict
from kling_jupyter.workspace import current_workspace

if TYPE_CHECKING:
    from kling_core.declare.endpoint import Request
    from kling_core.task import Task
    from kling_jupyter.jobs.job import Job
    from kling_jupyter.jobs.views import Ending, News
    from kling_jupyter.workspace import Workspace

__all__ = ["KlingForm"]


class KlingForm(Widget):
    """The form of one endpoint.

    `values` are its fields, as far as they are given. `errors` say what is wrong, by the field's
    place; `missing` are those of them that are only still to be filled in. `disabled` are the
    fields, and `refused` the choices of fields, that cannot be had as things stand, each with the
    reason. `cost` is what the button says. While `busy`, a request goes out.

    Attributes:
        endpoint: the endpoint's declaration.
        job: the last job that the form has started, None before.
        jobs: all of them.
    """

    _esm = script("form")
    _css = style("form")

    spec = traitlets.Dict().tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    errors = traitlets.Dict().tag(sync=True)
    missing = traitlets.List(traitlets.Unicode()).tag(sync=True)
    disabled = traitlets.Dict().tag(sync=True)
    refused = traitlets.Dict().tag(sync=True)
    warnings = traitlets.List(traitlets.Unicode()).tag(sync=True)
    media = traitlets.Dict().tag(sync=True)
    cost = traitlets.Unicode("").tag(sync=True)
    status = traitlets.Unicode("").tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
    presses = traitlets.Int(0).tag(sync=True)
    filled = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        endpoint: str,
        workspace: Workspace | None = None,
        *,
        settings: Settings | None = None,
        **values: Any,
    ) -> None:
        self.endpoint = registry.get(endpoint)
        self.jobs: list[Job] = []
        self._workspace = workspace or current_workspace()
        self._settings = settings or Settings()
        self._uploads = Uploads()
        self._lock = threading.RLock()  # to set `values` within it judges them, which takes it too
        self._reading: Reading | None = None
        self._results = Results(self._workspace.shell)
        super().__init__(spec=spec(self.endpoint))
        self.observe(self._changed, "values")
        self.fill(self.endpoint.request(**values))

    # --- what it holds ---------------------------------------------------------------------

    @property
    def job(self) -> Job | None:
        """The last job that the form has started."""
        with self._lock:
            return self.jobs[-1] if self.jobs else None

    @property
    def task(self) -> Task | None:
        """The task of the last job, None before Kling has accepted it."""
        return self.job.task if self.job is not None else None

    @property
    def request(self) -> Request:
        """The request as the form describes it now, valid or not."""
        return self._read(self.values).request

    def fill(self, request: Request) -> None:
        """Put the fields of a request into the form; data becomes an upload."""
        self.values = written(request, self._uploads)
        self.filled += 1  # the page writes its fields anew when this changes
        self._judge(self.values)

    def code(self, style: str = "magic") -> str:
        """The request as a `%kling` line or cell ("magic"), or as Python ("python").

        Uploaded files are written below `kling_outputs/inputs/`, and named by their paths.
        """
        spelled = self._read(self.values).spelled()
        plain = media_in_files(spelled, self._inputs(), start=self._workspace.folder)
        if style == "magic":
            return codegen.magic(plain)
        return codegen.python(plain, sandbox=self._in_sandbox())

    # --- judging ---------------------------------------------------------------------------

    def _changed(self, change: Mapping[str, Any]) -> None:
        try:
            self.status = self.status if self.busy else ""
            self._judge(change["new"])
        except Exception as error:  # noqa: BLE001 - front ends drop it; the form has to tell it
            self._cannot_judge(change, error)

    def _cannot_judge(self, change: Mapping[str, Any], error: Exception) -> None:
        """Tell it at the fields that were changed: an old verdict and price would be believed."""
        before: Mapping[str, Any] = change["old"] or {}
        told = f"{type(error).__name__}: {error}"
        changed = {k: v for k, v in change["new"].items() if before.get(k) != v}
        with self.hold_sync():
            self.errors = {k: f"{str(v)[:60]} cannot be judged: {told}" for k, v in changed.items()}
            self.missing, self.cost, self.trouble = [], "", told

    def _read(self, values: Mapping[str, Any]) -> Reading:
        return Reading(self.endpoint, values, self._uploads, variables.own(self._workspace.shell))

    def _judge(self, values: Mapping[str, Any]) -> Verdict:
        """Judge the values and tell the page, in one message."""
        with self._lock:
            self._uploads.keep_only(set(uploads_in(values)))
            reading = self._reading = self._read(values)
            verdict = form_verdict(reading)
            refusals = choices.judge(reading.request)
            with self.hold_sync():
                self.errors, self.missing = verdict.errors, verdict.missing
                self.warnings, self.cost = verdict.warnings, verdict.cost
                self.disabled = refusals.fields
                self.refused = refusals.choices
                self.media = {place: thumbs.shown(m) for place, m in reading.media.items()}
                self.trouble = ""
            return verdict

    # --- the page --------------------------------------------------------------------------

    def received(self, message: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        """A piece of a file, a wish for code, or a press on the button."""
        match message.get("kind"):
            case "chunk":
                self._take(message, buffers)
            case "code":
                self.values = message["values"]  # as the page shows them; a change may be late
                made = str(message["style"])
                self.send({"kind": "code", "style": made, "text": self.code(made)})
            case "submit":
                self._press(message)
            case _:
                pass

    def _take(self, message: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        try:
            whole = self._uploads.take(message, buffers[0])
        except UploadRefused as error:
            self.send({"kind": "refused", "id": message.get("id"), "why": str(error)})
            return
        self.send({"kind": "taken", "id": message.get("id"), "i": message.get("i")})
        if whole:
            self._judge(self.values)

    def _press(self, message: Mapping[str, Any]) -> None:
        """Send the request, unless this press is not the one that the form waits for."""
        with self._lock:
            if self.busy or message.get("press") != self.presses:
                return
            shown = self.cost  # what the person saw: the next lines change it
            self.values = message["values"]
            verdict = self._judge(self.values)
            changed = message.get("cost") != verdict.cost or verdict.cost != shown
            if verdict.errors or changed:
                if not verdict.errors:
                    self.status = "Not sent yet: the price has changed. Press again to send it."
                self.send({"kind": "refusal"})
                return
            self.busy = True
            self.presses += 1
            self.status = "Submitting …"
        # Apart: a create may wait for its answer, and the kernel has other messages to read.
        threading.Thread(target=self._launch, name="kling-form", daemon=True).start()

    # --- sending ---------------------------------------------------------------------------

    def submit(self) -> Job:
        """Send the request as the form describes it now; what the button does.

        Raises `InvalidRequest`, and `KlingError` for what cannot even begin.
        """
        from kling_jupyter.jobs.job import Job
        from kling_jupyter.widgets.card import CellCard

        request = media_in_files(self.request, self._inputs())
        check = request.require()
        job = Job(
            self._workspace,
            self.endpoint,
            self._settings,
            live=CellCard,
            request=request,
            notes=check.warnings,
        )
        with self._lock:  # a job that has not begun counts as ended: nobody may see it before
            self.jobs.append(job)
            self._results.add(job)
            job.view(_Told(self))
            job.begin()
        return job

    def _launch(self) -> None:
        try:
            self.submit()
        except Exception as error:  # noqa: BLE001 - the thread's own end would tell nobody
            told = translated(error) if isinstance(error, KlingError) else error
            with self.hold_sync():
                self.busy, self.status, self.trouble = False, "", str(told)

    def _inputs(self) -> Path:
        try:
            return self._workspace.output_dir / "inputs"
        except ConfigError:  # code can be copied before there is a credential
            return self._workspace.folder / "kling_outputs" / "inputs"

    def _in_sandbox(self) -> bool:
        try:
            return self._workspace.client.sandbox is not None
        except ConfigError:  # there is no credential yet
            return False

    # --- showing ---------------------------------------------------------------------------

    def show(self) -> None:
        """Show it in the cell that runs now, and below it whatever it makes."""
        from IPython.display import display

        data, facts = cast("tuple[dict[str, Any], dict[str, Any]]", self._repr_mimebundle_())
        display(data, metadata=facts, raw=True)
        self._results.show()

    def _ipython_display_(self) -> None:
        shown_already, self._workspace.just_shown = self._workspace.just_shown is self, None
        if not shown_already:
            self.show()

    def __repr__(self) -> str:
        return f"<KlingForm {self.endpoint.command}>"


class _Told:
    """What a form itself says of its job: that it is under way, and what went wrong."""

    def __init__(self, form: KlingForm) -> None:
        self._form = form
        self._words = ""

    def tell(self, news: News) -> None:
        """Take the next press once Kling has the request, or it stands in line."""
        if news.phase == "submitting" or news.words == self._words:
            return
        self._words = news.words
        with self._form.hold_sync():
            self._form.busy = False
            self._form.status = f"{news.words[:1].upper()}{news.words[1:]}."

    def end(self, news: News, ending: Ending) -> None:
        """Say how it ended, and where the files are."""
        words = f"{news.words[:1].upper()}{news.words[1:]}"
        files = ", ".join(path.name for _, path in ending.files)
        with self._form.hold_sync():
            self._form.busy = False
            self._form.status = f"{words}: {files}" if files else f"{words}."
            failed = news.phase == "failed"
            self._form.trouble = ending.bundle["text/plain"] if failed else ""
