"""What a file or folder is described as, what is refused, and what "unchanged" means."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import socket
from pathlib import Path

import pytest

from connector.dataplane.body import Fingerprint
from connector.dataplane.pinned import PinnedFile
from connector.dataplane.sources import profile as profiling
from connector.dataplane.sources.api import Datatype, Kind, SourceDescription
from connector.dataplane.sources.files import FileSource
from connector.dataplane.sources.guess import unit_in
from connector.errors import SourceChanged, SourceInvalid

HEADER = ["시각", "사출압력 (bar)", "금형번호", "불량", "샷수", "비고"]
ROWS = [
    ["2026-11-24 12:00:00", "101.5", "0071", "true", "1", ""],
    ["2026-11-24 12:00:31", "-3", "0072", "false", "2", "재가동, 점검"],
    ["2026-11-24 12:01:02", "1e3", "0073", "false", "3", '따옴표 " 와\n줄바꿈'],
]


def table(encoding: str, header: list[str] = HEADER, rows: list[list[str]] = ROWS) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode(encoding)


@pytest.fixture
def source(clock, verified) -> FileSource:
    return FileSource(clock, verified)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
async def test_korean_csv(source: FileSource, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "사출.csv"
    path.write_bytes(table(encoding))
    found = await source.inspect(path)
    assert found.kind is Kind.FILE
    assert found.media_type == "text/csv"
    assert found.encoding == encoding.removesuffix("-sig")
    assert [column.name for column in found.columns] == HEADER
    assert [column.datatype for column in found.columns] == [
        Datatype.DATE_TIME,
        Datatype.DECIMAL,
        Datatype.STRING,  # leading zeros are a label
        Datatype.BOOLEAN,
        Datatype.INTEGER,
        Datatype.STRING,
    ]
    assert found.columns[1].unit == "bar"
    assert found.row_count == 3
    assert found.size == path.stat().st_size
    assert found.sha256 == found.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.fingerprint == Fingerprint.of(path.stat())
    assert SourceDescription.from_json(json.loads(json.dumps(found.as_json()))) == found


async def test_a_character_cut_by_every_chunk_border(
    source: FileSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(table("cp949"))
    for size in range(1, 8):
        monkeypatch.setattr(profiling, "CHUNK_BYTES", size)
        found = await source.inspect(path)
        assert (found.encoding, found.row_count) == ("cp949", 3)
        assert [column.name for column in found.columns] == HEADER


async def test_a_large_table_is_profiled_in_a_worker(source: FileSource, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    rows = [["2026-11-24 12:00:00", "101.5", "0071", "true", str(i), "비고" * 20] for i in range(9000)]
    path.write_bytes(table("cp949", rows=rows))
    assert path.stat().st_size > 1 << 20
    found = await source.inspect(path)
    assert (found.encoding, found.row_count, found.notes) == ("cp949", 9000, ())
    assert found.columns[4].datatype is Datatype.INTEGER


async def test_parquet(source: FileSource, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"온도 (°C)": [1.5, 2.5], "샷": [1, 2], "라인": ["a", "b"]}), path)
    found = await source.inspect(path)
    assert found.media_type == "application/vnd.apache.parquet"
    assert [(c.name, c.datatype, c.unit) for c in found.columns] == [
        ("온도 (°C)", Datatype.DECIMAL, "°C"),
        ("샷", Datatype.INTEGER, None),
        ("라인", Datatype.STRING, None),
    ]
    assert found.row_count == 2
    path.write_bytes(b"PAR1 this is none")
    assert (await source.inspect(path)).notes == ("not-a-table",)


@pytest.mark.parametrize(
    ("name", "content", "media_type", "encoding", "rows", "notes"),
    [
        ("a.json", b'[{"a": 1}, {"a": 2.5, "b": "3"}]', "application/json", "utf-8", 2, ()),
        ("a.json", b'{"a": 1}', "application/json", "utf-8", None, ()),
        ("a.json", b"[1, 2", "application/json", None, None, ("not-json",)),
        ("a.bin", b"\x00\x01", "application/octet-stream", None, None, ()),
        ("a.tsv", b"x\ty\n1\t2\n", "text/tab-separated-values", "utf-8", 1, ()),
        ("a.csv", b"", "text/csv", "utf-8", 0, ()),
        ("a.csv", b"a;b\n1;2\n\n3;4\n", "text/csv", "utf-8", 2, ()),
        ("a.csv", b"a,b\r\n1,2,3\r\n4\r\n", "text/csv", "utf-8", 2, ("uneven-rows",)),
        ("a.csv", b"1,2\n3,4\n", "text/csv", "utf-8", 2, ()),
        ("a.csv", b"a\x00b\n", "text/csv", "utf-8", None, ("not-a-table",)),
        ("a.csv", b"caf\xff\xfe,\n", "text/csv", None, None, ("encoding-unknown",)),
        ("a.pdf", b"%PDF", "application/pdf", None, None, ()),
        ("a.csv.gz", b"\x1f\x8b", "application/octet-stream", None, None, ()),
        ("noname", b"x", "application/octet-stream", None, None, ()),
    ],
)
async def test_kinds_of_content(source, tmp_path, name, content, media_type, encoding, rows, notes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    found = await source.inspect(path)
    assert (found.media_type, found.encoding, found.row_count, found.notes) == (
        media_type,
        encoding,
        rows,
        notes,
    )


async def test_names_of_columns_are_made_unique(source: FileSource, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,,a,a_2\nx,y,z,w\n")
    found = await source.inspect(path)
    assert [column.name for column in found.columns] == ["a", "column_2", "a_2", "a_2_2"]
    path.write_bytes(b"1,2\n3,4\n")
    found = await source.inspect(path)
    assert [(c.name, c.datatype) for c in found.columns] == [
        ("column_1", Datatype.INTEGER),
        ("column_2", Datatype.INTEGER),
    ]


async def test_json_numbers_in_quotes_are_text(source: FileSource, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text('[{"a": 1, "b": "3", "c": true, "d": null, "e": "2026-11-24T12:00:00Z"}]')
    found = await source.inspect(path)
    assert [c.datatype.value for c in found.columns] == ["integer", "string", "boolean", "string", "dateTime"]


@pytest.mark.parametrize(
    ("name", "unit"),
    [("T (°C)", "°C"), ("v [mm/s]", "mm/s"), ("주기（초）", "초"), ("값 (평균)", None), ("x", None)],
)
def test_units(name: str, unit: str | None) -> None:
    assert unit_in(name) == unit


async def test_a_file_that_grows_is_not_taken(source: FileSource, clock, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a\n1\n")

    def grow() -> None:
        with path.open("ab") as file:
            file.write(b"2\n")

    clock.on_sleep = grow
    with pytest.raises(SourceInvalid, match="being written to"):
        await source.inspect(path)
    assert clock.slept == [0.2]


async def test_progress_reaches_the_end(source: FileSource, tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(bytes((3 << 20) + 5))
    heard: list[tuple[int, int]] = []
    await source.inspect(path, progress=lambda done, size: heard.append((done, size)))
    assert heard[-1] == (path.stat().st_size, path.stat().st_size)
    assert len(heard) == 4


async def test_what_is_no_plain_file_is_refused(source: FileSource, tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.fspath(tmp_path / "socket"))
    try:
        for bad in (
            tmp_path / "link",
            tmp_path / "pipe",
            tmp_path / "socket",
            tmp_path,
            tmp_path / "missing",
            tmp_path / "x" / ".." / "real",
            Path("/dev/zero"),
            Path(os.fspath(tmp_path) + "/re\x00al"),
            tmp_path / "real" / "below",
            tmp_path / ("n" * 300),
        ):
            with pytest.raises(SourceInvalid):
                await source.inspect(bad)
    finally:
        listener.close()


async def test_opening_what_was_described(source: FileSource, tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"hello")
    body = await source.open(await source.inspect(path))
    view = memoryview(bytearray(10))
    assert bytes(view[: body.read(view, 1)]) == b"ello"
    assert body.is_verified
    body.check()
    body.close()
    body.close()


async def test_touched_but_equal_is_accepted(source: FileSource, tmp_path: Path, verified) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"hello")
    description = await source.inspect(path)
    path.write_bytes(b"hello")
    os.utime(path, ns=(1, 1))
    assert Fingerprint.of(path.stat()) != description.fingerprint
    body = await source.open(description)
    assert body.is_verified
    body.close()


async def test_other_content_is_refused(source: FileSource, tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"hello")
    description = await source.inspect(path)
    stat = path.stat()
    path.write_bytes(b"jello")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # the change time still tells
    with pytest.raises(SourceChanged):
        await source.open(description)


@pytest.mark.parametrize("how", ["vanished", "link", "folder"])
async def test_gone_is_changed(source: FileSource, tmp_path: Path, how: str) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"hello")
    description = await source.inspect(path)
    path.rename(tmp_path / "kept")
    if how == "link":
        path.symlink_to(tmp_path / "kept")
    elif how == "folder":
        path.mkdir()
    with pytest.raises(SourceChanged):
        await source.open(description)


async def test_writing_into_an_open_file_is_found(source: FileSource, tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"hello")
    body = await source.open(await source.inspect(path))
    os.utime(path, ns=(5, 5))
    with pytest.raises(SourceChanged):
        body.check()
    body.close()


async def test_replacing_the_name_leaves_an_open_file_alone(source: FileSource, tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"hello")
    body = await source.open(await source.inspect(path))
    (tmp_path / "new").write_bytes(b"other")
    (tmp_path / "new").replace(path)
    body.check()
    view = memoryview(bytearray(5))
    body.read(view, 0)
    assert bytes(view) == b"hello"
    body.close()


async def test_a_wrong_digest_is_found_by_verifying(tmp_path: Path, verified) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"hello")
    body = await PinnedFile.open(path, Fingerprint.of(path.stat()), "0" * 64, verified=verified)
    assert not body.is_verified
    with pytest.raises(SourceChanged):
        await body.verify()
    body.close()


async def test_a_file_of_this_second_is_not_remembered(clock, tmp_path: Path) -> None:
    from connector.clock import SystemClock
    from connector.dataplane.body import Verified

    path = tmp_path / "x.bin"
    path.write_bytes(b"hello")
    source = FileSource(clock, Verified(SystemClock()))
    body = await source.open(await source.inspect(path))
    assert not body.is_verified
    body.close()
