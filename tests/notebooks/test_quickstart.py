"""The quickstart notebook, and the demo that runs it."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import av
import nbformat
import pytest

from notebooks import demo

FORGED = "KLING_FORGED_KEY"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One run of the demo on a machine whose environment names an account at a dead host."""
    folder = tmp_path_factory.mktemp("demo")
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KLING_API_KEY", FORGED)
        patch.setenv("KLING_BASE_URL", "http://127.0.0.1:9")
        patch.setenv("KLING_OUTPUT_DIR", "/nowhere")
        patch.delenv("LIVE", raising=False)
        patch.setattr("builtins.print", lambda *words, **_: lines.append(" ".join(words)))
        code = demo.main(folder)
    return SimpleNamespace(folder=folder, code=code, told="\n".join(lines))


def test_the_demo_ends_well_and_names_what_it_made(finished):
    """Exit code 0, and every file that it names is there."""
    assert finished.code == 0, finished.told
    named = re.findall(rf"{re.escape(str(finished.folder))}\S+", finished.told)
    assert len(named) >= 6
    assert all(Path(name).is_file() for name in named)


def test_the_demo_leaves_clips_that_decode(finished):
    """At least two clips are H.264, 16:9 and 5 s long to 0.2 s; an extension is longer."""
    lengths: list[float] = []
    for path in (finished.folder / "kling_outputs").glob("*.mp4"):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == "h264"
            assert stream.width / stream.height == pytest.approx(16 / 9, abs=0.02)
            rate = float(stream.average_rate)
            lengths.append(sum(1 for _ in container.decode(stream)) / rate)
    assert sum(abs(length - 5) <= 0.2 for length in lengths) >= 2
    assert sum(length > 8 for length in lengths) == 1


def test_the_demo_ignores_the_account_of_the_environment(finished):
    """Without LIVE the sandbox is used, whatever the environment says, and no key is told."""
    assert "LIVE" not in finished.told
    for file in finished.folder.glob("quickstart.*"):
        assert FORGED not in file.read_text()
    assert "Sandbox" in (finished.folder / "quickstart.ipynb").read_text()


def test_the_page_finds_its_clips_beside_it(finished):
    """Each player and link of the page leads to a file of the demo's folder."""
    page = (finished.folder / "quickstart.html").read_text()
    links = re.findall(r'(?:src|href)="(kling_outputs/[^"]+)"', page)
    assert len(links) >= 9
    assert all((finished.folder / link).is_file() for link in links)
    assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="https?:', page)


def test_the_notebook_stays_small(finished):
    """A clip takes less than 25 KB of the executed notebook."""
    notebook = nbformat.read(finished.folder / "quickstart.ipynb", as_version=4)
    sizes = [len(str(out)) for cell in notebook.cells for out in cell.get("outputs", ())]
    assert sum(size > 5_000 for size in sizes) == 5
    assert max(sizes) < 25_000


def test_the_notebook_is_committed_without_outputs():
    """The source holds no outputs, no execution counts, and valid ids."""
    notebook = nbformat.read(demo.SOURCE, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_a_clip_that_is_not_as_promised_is_found_out(finished, tmp_path):
    """A truncated clip, and one of the wrong length, fail the demo."""
    clips = sorted(
        demo.results(
            nbformat.read(finished.folder / "quickstart.ipynb", as_version=4), finished.folder
        )
    )
    (longer,) = [path for endpoint, path in clips if endpoint == "video_extension"]
    assert "10.0 s" in demo.check_clip(longer, "video_extension")
    with pytest.raises(demo.Unplayable, match="not as promised"):
        demo.check_clip(longer, "text_to_video")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(longer.read_bytes()[:20_000])
    with pytest.raises(demo.Unplayable):
        demo.check_clip(broken, "video_extension")


def test_live_needs_a_credential(tmp_path, monkeypatch, capsys):
    """LIVE=1 without a credential says so and runs nothing."""
    monkeypatch.setenv("LIVE", "1")
    assert demo.main(tmp_path) == 1
    assert "there is no Kling credential" in capsys.readouterr().err
    assert not (tmp_path / "kling_outputs").exists()


def test_live_says_the_price_and_leaves_out_what_is_retired(monkeypatch, capsys):
    """LIVE=1 turns the notebook to the service, without the retired models, and adds it up."""
    monkeypatch.setenv("KLING_API_KEY", FORGED)
    notebook = nbformat.read(demo.SOURCE, as_version=4)
    demo._go_live(notebook)
    told = capsys.readouterr().out
    assert "This will cost $0.45 by list price." in told
    assert FORGED not in told
    source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert "%kling connect\n" in f"{source}\n"
    assert "--sandbox" not in source
    assert "kling-v1-6" not in source
