"""What is sent for a verb: its command, its place, its variables; what is refused before that."""

import shlex
import subprocess
from pathlib import Path

import pytest

from jobs.entry import DRIVER_CPUS, Entry, attempt_id, checked_id, make_entry
from shards.errors import UsageError


def entry(*words: str, folder: Path = Path("/"), **options: object) -> Entry:
    return make_entry(words, environment={}, folder=folder, **options)  # type: ignore[arg-type]


def test_the_command_is_the_verb_with_its_options_as_they_are() -> None:
    words = ["crawl", "game", "--url", "http://a b/?x='1'", "--out", "s3://bucket/set"]
    assert shlex.split(entry(*words).command) == ["exec", "lostfound", *words]


def test_who_only_waits_stays_on_the_head_and_who_computes_does_not() -> None:
    assert entry("train", "demo", "--shards", "s3://b/s").resources() == {}
    assert entry("enrich", "s3://b/set").resources() == {"entrypoint_num_cpus": 1.0}
    asked = entry("evaluate", "/mnt/run", "--shards", "s3://b/s", cpus=4, gpus=1, memory=8)
    assert asked.resources() == {
        "entrypoint_num_cpus": 4,
        "entrypoint_num_gpus": 1,
        "entrypoint_memory": 8,
    }
    assert entry("enrich", "s3://b/set", cpus=0).resources() == {}


def test_every_job_is_a_verb_of_the_command_line() -> None:
    from typer.main import get_command

    from lostfound import app

    assert set(DRIVER_CPUS) <= set(get_command(app).commands)  # type: ignore[attr-defined]


def test_a_file_of_this_machine_travels_and_is_found_there(tmp_path: Path) -> None:
    name = "my configs/a 'b'.yaml"
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text("epochs: 1\n")
    made = entry("train", name, "epochs=2", "--shards", "s3://b/s", folder=tmp_path)
    assert made.files == (name,)
    shown = made.command.replace("exec lostfound", "printf '%s\\n' $PWD")
    said = subprocess.run(
        ["/bin/sh", "-c", shown],
        cwd=tmp_path, env={"HOME": "/usr"}, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert said == ["/usr", "train", str(tmp_path / name), "epochs=2", "--shards", "s3://b/s"]


def test_a_large_file_does_not_travel(tmp_path: Path) -> None:
    with open(tmp_path / "list.csv", "wb") as file:
        file.truncate(11 << 20)
    with pytest.raises(UsageError, match=r"list\.csv: more than 10 MiB"):
        entry("crawl", "urls", "list.csv", "--out", "s3://b/s", folder=tmp_path)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["fly"], "submit fly: no job; jobs are crawl"),
        ([], "no job"),
        (["crawl", "game", "--out", "DATASET"], "DATASET is a path of this machine"),
        (["crawl", "game", "--out=DATASET"], "DATASET is a path of this machine"),
        (["train", "demo", "--shards", "set/shards"], "set/shards is a path of this machine"),
        (["enrich", "DATASET", "--workers", "4"], "DATASET is a path of this machine"),
    ],
)
def test_what_no_other_node_could_use_is_refused(words: list[str], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        entry(*words)


def test_no_secret_stands_in_a_description() -> None:
    words = ["crawl", "mapillary", "--out", "s3://b/s"]
    for name in ("LOSTFOUND_MAPILLARY_TOKEN", "AWS_SECRET_ACCESS_KEY", "LOSTFOUND_PASSWORD"):
        around = {name: "hunter2-hunter2"}
        with pytest.raises(UsageError, match=rf"--env {name}: a secret") as caught:
            make_entry(words, environment=around, pass_on=[name], folder=Path("/"))
        assert "hunter2" not in str(caught.value)
        with pytest.raises(UsageError, match=f"the value of {name}") as caught:
            make_entry([*words, "x=hunter2-hunter2"], environment=around, folder=Path("/"))
        assert "hunter2" not in str(caught.value)


def test_variables_go_by_name() -> None:
    around = {"AWS_REGION": "eu-central-1", "HOME": "/home/me"}
    made = make_entry(
        ["verify", "/s"], environment=around, pass_on=["AWS_REGION"], folder=Path("/")
    )
    assert made.variables["AWS_REGION"] == "eu-central-1"
    assert "HOME" not in made.variables
    with pytest.raises(UsageError, match="--env NOT_THERE: not set here"):
        make_entry(["verify", "/s"], environment=around, pass_on=["NOT_THERE"], folder=Path("/"))
    with pytest.raises(UsageError, match="give the name"):
        make_entry(["verify", "/s"], environment=around, pass_on=["A=b"], folder=Path("/"))


def test_ids() -> None:
    assert [attempt_id("night", number) for number in (1, 2, 3)] == ["night", "night-2", "night-3"]
    with pytest.raises(UsageError, match="--id"):
        checked_id("../night")
