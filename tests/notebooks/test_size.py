"""A notebook of many clips stays small."""

from __future__ import annotations

import nbformat
from helpers.kernels import FAST
from nbclient import NotebookClient

from kling_core import Sandbox
from notebooks import demo

CLIPS = 20
MOST = 600_000


def test_twenty_clips_take_little_room(tmp_path, monkeypatch):
    """Twenty clips of the real size: 0.6 MB at most, as the file is saved."""
    with Sandbox(quality="std", speed=20000, limit=1000) as sandbox:
        monkeypatch.setattr(sandbox._lifecycle._bench, "fps", 1)
        for name, value in (
            ("KLING_BASE_URL", sandbox.url),
            ("KLING_ACCESS_KEY", sandbox.access_key),
            ("KLING_SECRET_KEY", sandbox.secret_key),
            ("KLING_HOME", str(tmp_path / "home")),
            ("IPYTHONDIR", str(tmp_path / "ipython")),
        ):
            monkeypatch.setenv(name, value)
        cells = [
            f"%load_ext kling_jupyter\n{FAST}",
            *(
                f"%kling text-to-video scene {i} by the sea, the harbour, the town"
                for i in range(CLIPS)
            ),
        ]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        NotebookClient(
            notebook,
            kernel_manager_class=demo._this_interpreter(),
            timeout=60,
            extra_arguments=["--IPKernelApp.log_level=40"],
            resources={"metadata": {"path": str(tmp_path)}},
        ).execute()
    path = tmp_path / "twenty.ipynb"
    nbformat.write(notebook, path)
    assert path.read_text().count("<video") == CLIPS
    assert path.stat().st_size <= MOST
