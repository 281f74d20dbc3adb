"""Options that are not given are those of the last run; what cannot be changed says how."""

from dataclasses import asdict
from pathlib import Path

import pytest

from enrich.options import EnrichOptions, KeepOriginal
from enrich.settle import chosen_options, settle_options
from lostfound import main
from shards.errors import UsageError
from shards.layout import DatasetLayout
from tests.enrich.samples import simple_dataset


def settled(layout: DatasetLayout, options: EnrichOptions, *, force: bool = False) -> None:
    layout.enriched.mkdir(exist_ok=True)
    settle_options(layout, options, force=force, refilter=True)


def test_the_first_run_has_the_defaults(tmp_path: Path) -> None:
    assert chosen_options(DatasetLayout(tmp_path), force=False, width=None) == EnrichOptions()


def test_what_is_not_given_is_as_in_the_last_run(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path)
    first = chosen_options(
        layout, force=False, width=160, height=90, keep_original="beside", min_brightness=20.0
    )
    assert first.keep_original is KeepOriginal.BESIDE
    settled(layout, first)
    again = chosen_options(layout, force=False, min_rgb_variance=None)
    assert asdict(again) == asdict(first)
    other = chosen_options(layout, force=False, min_rgb_variance=500.0)
    assert asdict(other) == asdict(first) | {"min_rgb_variance": 500.0}


def test_a_broken_file_needs_force(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path)
    layout.enriched.mkdir()
    (layout.enriched / "options.json").write_text("[")
    with pytest.raises(UsageError, match="--force"):
        chosen_options(layout, force=False)
    assert chosen_options(layout, force=True, width=160).width == 160


def test_a_network_must_be_given_again(tmp_path: Path) -> None:
    layout = DatasetLayout(tmp_path)
    settled(layout, EnrichOptions())
    path = layout.enriched / "options.json"
    path.write_text(path.read_text().replace('"blur_faces": null', '"blur_faces": "ab12"'))
    with pytest.raises(UsageError, match="made with --blur-faces; give the same file again"):
        chosen_options(layout, force=False)


def test_the_command_run_again_goes_on_with_its_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simple_dataset(tmp_path, 1)
    for words, code in [
        (["--size", "160x90"], 0),
        ([], 0),
        (["--min-laplacian-variance", "5"], 2),
        (["--min-laplacian-variance", "5", "--refilter"], 0),
        (["--regions", "nowhere"], 2),
    ]:
        with pytest.raises(SystemExit) as end:
            main(["enrich", str(tmp_path), "--workers", "1", *words])
        assert end.value.code == code, words
    stored = (tmp_path / "enriched" / "options.json").read_text()
    assert '"width": 160' in stored
    assert '"min_laplacian_variance": 5.0' in stored
    assert "--regions nowhere: use polygons or midpoint" in capsys.readouterr().err
