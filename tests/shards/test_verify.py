"""Each kind of damage is one line that names the file, and an untouched directory has none."""

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.atomic import dump_json
from shards.build import BuildOptions, build_shards
from shards.errors import UsageError
from shards.manifest import OWN_HASH, file_sha256
from shards.sample import sample_records
from shards.tar import END_OF_ARCHIVE, write_member
from shards.verify import verify_shards
from tests.shards.datasets import edit_json, make_dataset

TAR, PARQUET = "data/train-000001.tar", "metadata/train-000001.parquet"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = make_dataset(tmp_path_factory.mktemp("built"))
    build_shards(layout, "main", BuildOptions(shard_bytes=40_000))
    return layout.shards("main")


@pytest.fixture
def shards(built: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    shutil.copytree(built, tmp_path / "shards")
    return tmp_path / "shards"


def test_an_untouched_directory_has_no_defects(built: Path) -> None:
    result = verify_shards(built)
    assert (result.files, result.samples, result.defects) == (25, 40, [])


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_any_flipped_bit_is_found(built: Path, data: st.DataObject) -> None:
    files = sorted(built.rglob("*.*"))
    path = data.draw(st.sampled_from(files))
    before = path.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(before) - 1))
    damaged = bytearray(before)
    damaged[bit // 8] ^= 1 << bit % 8
    try:
        path.write_bytes(damaged)
        defects = found(built)
    finally:
        path.write_bytes(before)
    name = path.relative_to(built).as_posix()
    assert defects[0].startswith(f"{name}: ")
    if name != "manifest.json":
        assert [defect.partition(" that")[0] for defect in defects] == [
            f"{name}: its bytes are not those"
        ]


def found(root: Path) -> list[str]:
    """The defects, or what a manifest of a newer version says."""
    try:
        return verify_shards(root).defects
    except UsageError as error:
        return [str(error).removeprefix(f"{root}/")]


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_any_damage_to_the_manifest_ends_in_one_line(built: Path, data: st.DataObject) -> None:
    path = built / "manifest.json"
    before = path.read_bytes()
    cut = data.draw(st.integers(0, len(before) - 3))
    try:
        path.write_bytes(before[:cut])
        [defect] = verify_shards(built).defects
    finally:
        path.write_bytes(before)
    assert defect.startswith("manifest.json: not a manifest")


def missing(root: Path) -> None:
    (root / TAR).unlink()


def extra(root: Path) -> None:
    (root / "data" / "notes.txt").write_text("x")


def truncated(root: Path) -> None:
    (root / TAR).write_bytes((root / TAR).read_bytes()[:-1])


def appended(root: Path) -> None:
    with open(root / TAR, "ab") as file:
        file.write(b"x")


def renamed(root: Path) -> None:
    (root / TAR).rename(root / "data" / "train-000009.tar")


def unfinished(root: Path) -> None:
    (root / "manifest.json").unlink()


def wrong_total(root: Path) -> None:
    edit_json(root / "manifest.json", samples=41)


def wrong_split(root: Path) -> None:
    edit_json(root / "manifest.json", splits={"test": 4, "train": 27, "validation": 9})


def wrong_shard_count(root: Path) -> None:
    record = json.loads((root / "manifest.json").read_text())
    entry(record, TAR)["samples"] += 1
    entry(record, PARQUET)["samples"] += 1
    edit_json(root / "manifest.json", **record | {"samples": 41})


def gap_in_numbers(root: Path) -> None:
    record = json.loads((root / "manifest.json").read_text())
    for path in (TAR, PARQUET):
        moved = path.replace("000001", "000009")
        (root / path).rename(root / moved)
        entry(record, path)["path"] = moved
    edit_json(root / "manifest.json", **record)


def other_key(root: Path) -> None:
    rewrite_rows(root, lambda rows: rows[0].update(key="other"))


def swapped_rows(root: Path) -> None:
    rewrite_rows(root, lambda rows: rows.reverse())


def row_less(root: Path) -> None:
    rewrite_rows(root, lambda rows: rows.pop())


def wrong_offset(root: Path) -> None:
    rewrite_rows(root, lambda rows: rows[1].update(tar_offset=rows[1]["tar_offset"] + 512))


def wrong_label(root: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[0]["country_index"] += 1

    rewrite_rows(root, change)


def wrong_metadata(root: Path) -> None:
    rewrite_rows(root, lambda rows: rows[0].update(lat=1.5))


def other_columns(root: Path) -> None:
    table = pq.read_table(root / PARQUET).drop_columns(["phash"])
    pq.write_table(table, root / PARQUET)
    relist(root, PARQUET)


def no_parquet(root: Path) -> None:
    (root / PARQUET).write_bytes(b"PAR1 but no more")
    relist(root, PARQUET)


def member_less(root: Path) -> None:
    rewrite_members(root, lambda members: members[:-1])


def member_more(root: Path) -> None:
    rewrite_members(
        root, lambda members: [*members[:2], (members[0][0][:-3] + "txt", b""), *members[2:]]
    )


def other_json(root: Path) -> None:
    rewrite_members(root, lambda members: [members[0], (members[1][0], b"{}"), *members[2:]])


def sample_less(root: Path) -> None:
    rewrite_members(root, lambda members: members[:-2])


def damaged_header(root: Path) -> None:
    data = bytearray((root / TAR).read_bytes())
    start = pq.read_table(root / PARQUET)["tar_offset"][2].as_py() - 512
    data[start] ^= 1
    (root / TAR).write_bytes(data)
    relist(root, TAR)


def repeated_shard(root: Path) -> None:
    """The same samples again, under the next number: right on its own."""
    record = json.loads((root / "manifest.json").read_text())
    for path in (TAR, PARQUET):
        again = path.replace("000001", "000007")
        shutil.copy(root / path, root / again)
        record["files"].append(entry(record, path) | {"path": again})
    again = PARQUET.replace("000001", "000007")
    table = pq.read_table(root / again)
    rows = [row | {"tar": TAR.replace("000001", "000007")} for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), root / again)
    size, sha256 = (root / again).stat().st_size, file_sha256(root / again)
    entry(record, again).update(bytes=size, sha256=sha256)
    sign(root, record)


def swapped_files(root: Path) -> None:
    other = root / "data" / "train-000002.tar"
    first = (root / TAR).read_bytes()
    (root / TAR).write_bytes(other.read_bytes())
    other.write_bytes(first)


def swapped_files_of_one_size(root: Path) -> None:
    """Test and validation happen to have four samples in tars of one size."""
    one, other = root / "data" / "validation-000000.tar", root / "data" / "validation-000001.tar"
    assert one.stat().st_size == other.stat().st_size
    first = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(first)


def members_the_other_way_round(root: Path) -> None:
    rewrite_members(root, lambda members: [members[1], members[0], *members[2:]])


def samples_the_other_way_round(root: Path) -> None:
    rewrite_members(root, lambda members: [*members[2:4], *members[:2], *members[4:]])


def other_picture(root: Path) -> None:
    """As long as the right one, and with the right hash: only a member's padding differs."""
    data = bytearray((root / TAR).read_bytes())
    row = pq.read_table(root / PARQUET).to_pylist()[0]
    data[row["tar_offset"] + row["tar_size"]] ^= 1
    (root / TAR).write_bytes(data)
    relist(root, TAR)


def leftover(root: Path) -> None:
    (root / "metadata" / ".tmp-01234567-train-000001.parquet").write_bytes(b"PAR1")


def link(root: Path) -> None:
    (root / TAR).rename(root.parent / "elsewhere.tar")
    (root / TAR).symlink_to(root.parent / "elsewhere.tar")


def link_to_a_folder(root: Path) -> None:
    (root / "data").rename(root.parent / "elsewhere")
    (root / "data").symlink_to(root.parent / "elsewhere")


def loop(root: Path) -> None:
    (root / "data" / "again").symlink_to(root)


def pipe(root: Path) -> None:
    (root / TAR).unlink()
    os.mkfifo(root / TAR)


def folder_in_place_of_a_file(root: Path) -> None:
    (root / TAR).unlink()
    (root / TAR).mkdir()


def folder(root: Path) -> None:
    (root / "more").mkdir()


def manifest_as_a_pipe(root: Path) -> None:
    (root / "manifest.json").unlink()
    os.mkfifo(root / "manifest.json")


def manifest_in_other_words(root: Path) -> None:
    edit_json(root / "manifest.json", code_version="another")


def manifest_with_spaces(root: Path) -> None:
    path = root / "manifest.json"
    path.write_text(path.read_text().replace(": ", ":  ", 1))


def wrong_hash(root: Path) -> None:
    record = json.loads((root / "manifest.json").read_text())
    entry(record, TAR)["sha256"] = "0" * 64
    sign(root, record)


def wrong_bytes(root: Path) -> None:
    record = json.loads((root / "manifest.json").read_text())
    entry(record, TAR)["bytes"] -= 512
    sign(root, record)


def file_listed_twice(root: Path) -> None:
    record = json.loads((root / "manifest.json").read_text())
    record["files"].append(entry(record, TAR))
    sign(root, record)


def tar_not_listed(root: Path) -> None:
    record = json.loads((root / "manifest.json").read_text())
    record["files"] = [item for item in record["files"] if item["path"] != TAR]
    sign(root, record)


def no_attribution(root: Path) -> None:
    record = json.loads((root / "manifest.json").read_text())
    record["files"] = [item for item in record["files"] if item["path"] != "attribution.csv"]
    sign(root, record)


def other_author(root: Path) -> None:
    path = root / "attribution.csv"
    path.write_text(path.read_text().replace("Malmö", "Lund"))
    relist(root, "attribution.csv")


def unsafe_key(root: Path) -> None:
    """Key, record and tar agree, but the key would leave a folder."""
    table = pq.read_table(root / PARQUET)
    rows = [row | ({"key": "../up"} if not n else {}) for n, row in enumerate(table.to_pylist())]
    changed = pa.Table.from_pylist(rows, schema=table.schema)
    pq.write_table(changed, root / PARQUET)
    relist(root, PARQUET)
    record = sample_records(changed)[0]
    rewrite_members(
        root, lambda members: [("../up.jpg", members[0][1]), ("../up.json", record), *members[2:]]
    )


def null_columns(root: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[1].update(key=None, tar=None, tar_offset=None, tar_size=None)

    rewrite_rows(root, change)


def absurd_sizes(root: Path) -> None:
    rewrite_rows(root, lambda rows: rows[1].update(tar_size=-(2**62), tar_offset=2**62))


DAMAGES: dict[Callable[[Path], None], str] = {
    missing: f"{TAR}: missing",
    extra: "data/notes.txt: not in the manifest",
    truncated: f"{TAR}: truncated: 25599 of 25600 bytes",
    appended: f"{TAR}: too long",
    renamed: f"data/train-000009.tar: is {TAR} renamed",
    unfinished: "manifest.json: missing; the build did not finish",
    wrong_total: "manifest.json: 41 samples is not the sum",
    wrong_split: "manifest.json: splits",
    wrong_shard_count: f"{TAR}: 4 samples, but the manifest says 5",
    gap_in_numbers: "manifest.json: the shards of train are not numbered",
    other_key: f"{TAR}: key file-",
    swapped_rows: f"{TAR}: key file-",
    row_less: f"{PARQUET}: 3 rows, but the manifest says 4",
    wrong_offset: f"{TAR}: the image of file-",
    wrong_label: f"{TAR}: the JSON of file-",
    wrong_metadata: f"{TAR}: the JSON of file-",
    other_columns: f"{PARQUET}: its columns are not those of the format",
    no_parquet: f"{PARQUET}: not readable as Parquet",
    member_less: f"{TAR}: sample file-",
    member_more: f"{TAR}: sample file-",
    other_json: f"{TAR}: the JSON of file-",
    sample_less: f"{TAR}: 3 samples, but the manifest says 4",
    damaged_header: f"{TAR}: not readable as a tar (damaged after byte",
    repeated_shard: "data/train-000007.tar: key file-000010 stands in data/train-000001.tar too",
    swapped_files: f"{TAR}: truncated",
    swapped_files_of_one_size: "data/validation-000000.tar: its bytes are not those that the"
    " manifest's SHA-256 names; they are those of data/validation-000001.tar",
    members_the_other_way_round: f"{TAR}: sample file-",
    samples_the_other_way_round: f"{TAR}: key file-",
    other_picture: f"{TAR}: its headers, padding or originals are not as",
    leftover: "metadata/.tmp-01234567-train-000001.parquet: was left behind",
    link: f"{TAR}: is a symbolic link",
    link_to_a_folder: "data: is a symbolic link",
    loop: "data/again: is a symbolic link",
    pipe: f"{TAR}: is not a plain file",
    folder_in_place_of_a_file: f"{TAR}: is not a plain file",
    folder: "more: is a folder that does not belong here",
    manifest_as_a_pipe: "manifest.json: is not a plain file",
    manifest_in_other_words: "manifest.json: its bytes are not those that its own SHA-256 names",
    manifest_with_spaces: "manifest.json: its bytes are not those that its own SHA-256 names",
    wrong_hash: f"{TAR}: its bytes are not those that the manifest's SHA-256 names",
    wrong_bytes: f"{TAR}: too long",
    file_listed_twice: f"manifest.json: lists {TAR} 2 times",
    tar_not_listed: f"manifest.json: lists {PARQUET} without its tar",
    no_attribution: "manifest.json: lists no attribution.csv",
    other_author: "attribution.csv: does not list the authors of the samples",
    unsafe_key: f"{TAR}: ",
    null_columns: f"{TAR}: key file-",
    absurd_sizes: f"{TAR}: the image of file-",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage(shards: Path, damage: Callable[[Path], None]) -> None:
    damage(shards)
    defects = verify_shards(shards).defects
    expected = DAMAGES[damage]
    assert any(defect.startswith(expected) for defect in defects), defects
    assert not any("\n" in defect for defect in defects)


def test_a_class_index_that_labels_do_not_have(shards: Path) -> None:
    labels = json.loads((shards / "labels.json").read_text())
    labels["countries"][0]["code"] = "AA"
    (shards / "labels.json").write_text(json.dumps(labels))
    relist(shards, "labels.json")
    assert any("has country_code DE but class index 0" in d for d in verify_shards(shards).defects)


@pytest.mark.parametrize("path", ["../outside.tar", "/etc/passwd", "data/../../x-000000.tar"])
def test_a_manifest_cannot_point_outside(shards: Path, path: str) -> None:
    record = json.loads((shards / "manifest.json").read_text())
    record["files"][0]["path"] = path
    edit_json(shards / "manifest.json", **record)
    [defect] = verify_shards(shards).defects
    assert defect.startswith("manifest.json: not a manifest: files.0.path")


def test_a_newer_format_is_refused(shards: Path) -> None:
    edit_json(shards / "manifest.json", format_version=2, files="unlike today's")
    with pytest.raises(UsageError, match="format version 2, but this program reads up to 1"):
        verify_shards(shards)


def test_another_kind_of_manifest_is_a_defect(shards: Path) -> None:
    edit_json(shards / "manifest.json", format="another")
    assert verify_shards(shards).defects == [
        "manifest.json: format 'another' is not 'lostfound-shards'"
    ]


def test_names_cannot_write_to_the_terminal(shards: Path) -> None:
    (shards / "data" / "a\nb\x1b[31m").write_text("x")
    (shards / os.fsdecode(b"\xff\xfe")).write_text("x")
    assert verify_shards(shards).defects == [
        "data/a\\nb\\x1b[31m: not in the manifest",
        "\\udcff\\udcfe: not in the manifest",
    ]


def test_more_defects_than_are_shown(shards: Path) -> None:
    rewrite_rows(shards, lambda rows: rows.reverse())
    lines = verify_shards(shards).defects
    assert len(lines) <= 11


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_find_the_same(shards: Path, workers: int) -> None:
    for damage in (swapped_files_of_one_size, extra, wrong_metadata):
        damage(shards)
    lines = verify_shards(shards, workers=workers).defects
    assert lines == verify_shards(shards).defects
    assert len(lines) >= 4


@settings(deadline=None, max_examples=20)
@given(st.binary(max_size=400))
def test_any_manifest_ends_in_lines(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    root = tmp_path_factory.mktemp("any")
    (root / "manifest.json").write_bytes(text)
    assert found(root)


def sign(root: Path, record: dict[str, Any]) -> None:
    """Writes a manifest that is whole, whatever it says."""
    record = {name: value for name, value in record.items() if name != OWN_HASH}
    own = hashlib.sha256(dump_json(record).encode()).hexdigest()
    (root / "manifest.json").write_text(dump_json(record | {OWN_HASH: own}))


def entry(record: dict[str, Any], path: str) -> dict[str, Any]:
    return next(item for item in record["files"] if item["path"] == path)


def relist(root: Path, path: str) -> None:
    """Makes the manifest agree with a file's bytes, so that only its content is wrong."""
    record = json.loads((root / "manifest.json").read_text())
    data = (root / path).read_bytes()
    entry(record, path).update(bytes=len(data), sha256=file_sha256(root / path))
    sign(root, record)


def rewrite_rows(root: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    table = pq.read_table(root / PARQUET)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), root / PARQUET)
    relist(root, PARQUET)


Members = list[tuple[str, bytes]]


def rewrite_members(root: Path, change: Callable[[Members], Members]) -> None:
    with tarfile.open(root / TAR) as tar:
        members = [(m.name, tar.extractfile(m).read()) for m in tar]  # type: ignore[union-attr]
    with open(root / TAR, "wb") as file:
        for name, data in change(members):
            write_member(file, name, data)
        file.write(END_OF_ARCHIVE)
    relist(root, TAR)


def test_what_a_checkout_adds_is_no_defect(shards: Path) -> None:
    (shards / ".gitattributes").write_text("*.tar filter=lfs\n")
    (shards / ".cache" / "huggingface").mkdir(parents=True)
    (shards / ".cache" / "huggingface" / "token").write_text("")
    assert verify_shards(shards).defects == []
