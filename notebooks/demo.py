"""`make demo`: run the quickstart notebook and leave a page with playing clips.

It plays in the sandbox and ignores every Kling setting of the environment. Only `LIVE=1` uses your
credential and spends money, and says how much before it starts.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

from kling_core.errors import KlingError

__all__ = ["Unplayable", "check_clip", "execute", "export", "main", "results"]

Notebook = Any
"""A `nbformat.Notebook`, whose library has no types."""

SOURCE = Path(__file__).parents[1] / "notebooks" / "quickstart.ipynb"
SANDBOX_ONLY = "sandbox-only"
"""Tag of the cells that the live service would refuse."""

_CONNECT = "%kling connect --sandbox"
_CELL_SECONDS = {False: 60, True: 1800}


class Unplayable(Exception):
    """A clip is not what the demo promises; the message says what it is instead."""


def main(folder: Path = Path("demo")) -> int:
    """Run the demo into `folder`; the exit code: 0 when every clip plays."""
    nbformat: Any = import_module("nbformat")
    live = os.environ.get("LIVE", "").strip() not in ("", "0")
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    notebook: Notebook = nbformat.read(SOURCE, as_version=4)
    try:
        if live:
            _go_live(notebook)
        execute(notebook, folder, live=live, tell=print)
        clips = [(path, endpoint) for endpoint, path in results(notebook, folder)]
        print()
        for path, endpoint in clips:
            print(f"  {path}  {check_clip(path, endpoint)}")
    except (KlingError, Unplayable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        nbformat.write(notebook, folder / SOURCE.name)
    if sum(path.suffix == ".mp4" for path, _ in clips) < 2:
        print("error: the notebook made fewer than two clips", file=sys.stderr)
        return 1
    page = export(notebook, folder)
    print(f"  {folder / SOURCE.name}\n\nDone in {time.monotonic() - started:.0f} s. Open {page}")
    return 0


def execute(
    notebook: Notebook,
    folder: Path,
    *,
    live: bool = False,
    tell: Callable[[str], Any] = lambda _: None,
) -> None:
    """Run the notebook in place with this interpreter as its kernel.

    `tell` gets the first line of each cell. Raises `Unplayable` with the error of a failed cell.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    def starting(cell: Notebook, **_: Any) -> None:
        if cell.cell_type == "code":
            tell(cell.source.partition("\n")[0])

    with tempfile.TemporaryDirectory(prefix="kling-demo-") as home:
        client = NotebookClient(
            notebook,
            kernel_manager_class=_this_interpreter(),
            timeout=_CELL_SECONDS[live],
            extra_arguments=["--IPKernelApp.log_level=40"],
            resources={"metadata": {"path": str(folder)}},
            on_cell_start=starting,
        )
        try:
            client.execute(env=_environment(live, home))
        except CellExecutionError as error:
            raise Unplayable(f"a cell failed: {error.evalue or error.ename}") from None


def results(notebook: Notebook, folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file that the cells made, with the endpoint that made it."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            facts = output.get("metadata", {}).get("text/html", {}).get("kling")
            for file in facts["files"] if facts else ():
                yield facts["endpoint"], folder / file


def check_clip(path: Path, endpoint: str) -> str:
    """What the file holds, in words. Raises `Unplayable` for a clip that is not as promised.

    Clips are H.264, 16:9 and 5 s long to 0.2 s; an extension is longer. Every frame is decoded.
    """
    if path.suffix != ".mp4":
        return f"{path.stat().st_size // 1000} KB"
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            codec, size = stream.codec_context.name, (stream.width, stream.height)
            rate = float(stream.average_rate or 1)
            seconds = sum(1 for _ in container.decode(stream)) / rate
    except (FFmpegError, IndexError) as error:
        raise Unplayable(f"{path} cannot be decoded: {error}") from error
    found = f"{codec.upper()} {size[0]}x{size[1]}, {seconds:.1f} s"
    long_enough = seconds > 8 if endpoint == "video_extension" else abs(seconds - 5) <= 0.2
    if codec != "h264" or abs(size[0] / size[1] - 16 / 9) > 0.02 or not long_enough:
        raise Unplayable(f"{path} is not as promised: {found}")
    return found


def export(notebook: Notebook, folder: Path) -> Path:
    """Write the notebook as one page whose players find the clips beside it."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="")
    resources = {"metadata": {"name": "Kling quickstart"}}
    html, _ = exporter.from_notebook_node(notebook, resources)
    page = folder / f"{SOURCE.stem}.html"
    page.write_text(html, encoding="utf-8")
    return page


def _this_interpreter() -> type[Any]:
    """A kernel manager whose every kernel is the Python that runs this."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class ThisInterpreter(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, display_name="Python", language="python")

    return ThisInterpreter


def _environment(live: bool, home: str) -> dict[str, str]:
    """The kernel's environment; without `live`, free of everything that names an account."""
    if live:
        return dict(os.environ)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("KLING_")}
    return {**plain, "KLING_SANDBOX": "1", "KLING_HOME": home}


# --- live ----------------------------------------------------------------------------------


def _go_live(notebook: Notebook) -> None:
    """Turn the notebook to the live service, and say what it will cost."""
    from kling_core import Kling

    kling = Kling(sandbox=False)
    notebook.cells = [
        cell for cell in notebook.cells if SANDBOX_ONLY not in cell.metadata.get("tags", ())
    ]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = cell.source.replace(_CONNECT, "%kling connect")
    print(f"LIVE: {kling.base_url}, {kling.session.settings.source}.")
    print(f"This will cost {_cost(notebook)} by list price.")


def _cost(notebook: Notebook) -> str:
    """The list price of all generations in the notebook."""
    from PIL import Image

    from kling_jupyter.parsing import grammar

    stand_in = Image.new("RGB", (640, 360))
    total, unknown = Decimal(0), 0
    for cell in notebook.cells:
        for endpoint, rest, body in _generations(cell):
            typed = grammar.generation(endpoint, rest, body, _Anything(stand_in))
            quote = endpoint.request(**typed.fields).quote()
            if quote is None or quote.usd is None:
                unknown += 1
            else:
                total += quote.usd
    more = f" and {unknown} tasks of unknown price" if unknown else ""
    return f"${total:.2f}{more}"


def _generations(cell: Notebook) -> Iterator[tuple[Any, str, str | None]]:
    """The generations of a cell: endpoint, rest of the line, and the body of a cell magic."""
    from kling_core.declare import registry
    from kling_jupyter.parsing.grammar import first_word

    if cell.cell_type != "code":
        return
    head, _, body = cell.source.partition("\n")
    lines = [(head[8:], body)] if head.startswith("%%kling ") else []
    if not lines:
        lines = [
            (line.partition("%kling ")[2], None)
            for line in cell.source.splitlines()
            if "%kling " in line
        ]
    for line, text in lines:
        word, rest = first_word(line)
        try:
            yield registry.get(word), rest, text
        except registry.UnknownEndpoint:
            continue


class _Anything(Mapping[str, Any]):
    """Variables of which each has the same value."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __getitem__(self, name: str) -> Any:
        return self._value

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


if __name__ == "__main__":
    sys.exit(main())
