"""A folder as one run of bytes: readable by any tar, the same every time, cut anywhere."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.dataplane.archive import Layout, Member, folder_digest, header_of, read_archive
from connector.dataplane.sources.api import SourceDescription
from connector.dataplane.sources.folders import FolderSource
from connector.errors import BadInput, SourceChanged, SourceInvalid

FILES = {
    "b.csv": b"x" * 1000,
    "a/로그.csv": "값\n1\n".encode("cp949"),
    "a/" + "길" * 60 + ".bin": bytes(512),
    "empty": b"",
    "a-z": b"1",
}


def fill(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def read_all(body) -> bytes:
    view = memoryview(bytearray(body.size + 10))
    return bytes(view[: body.read(view, 0)])


@pytest.fixture
def source(clock, verified) -> FolderSource:
    return FolderSource(clock, verified)


async def test_a_folder_and_its_archive(source: FolderSource, tmp_path: Path) -> None:
    folder = fill(tmp_path / "로그")
    found = await source.inspect(folder)
    assert [member.path for member in found.members] == sorted(FILES, key=str.encode)
    assert {m.path: (m.size, m.sha256) for m in found.members} == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in FILES.items()
    }
    assert (found.name, found.media_type) == ("로그.tar", "application/x-tar")
    assert SourceDescription.from_json(found.as_json()) == found
    body = await source.open(found)
    raw = read_all(body)
    body.close()
    assert len(raw) == found.size == body.size
    assert hashlib.sha256(raw).hexdigest() == found.sha256 == body.sha256
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        assert {e.name: archive.extractfile(e).read() for e in archive} == FILES
        assert {(e.mode, e.uid, e.mtime) for e in archive} == {(0o644, 0, 0)}
    (tmp_path / "got.tar").write_bytes(raw)
    assert folder_digest(read_archive(tmp_path / "got.tar")) == found.digest


async def test_equal_folders_are_equal_bytes(source: FolderSource, tmp_path: Path) -> None:
    one = await source.inspect(fill(tmp_path / "one"))
    other = fill(tmp_path / "other", dict(reversed(FILES.items())))
    os.utime(other / "b.csv", ns=(1, 1))
    (other / "b.csv").chmod(0o600)
    found = await source.inspect(other)
    assert (one.sha256, one.digest, one.size) == (found.sha256, found.digest, found.size)


def test_the_digest_does_not_depend_on_order_but_on_each_part() -> None:
    members = [Member("b", 1, "00"), Member("a", 2, "11")]
    assert folder_digest(members) == folder_digest(members[::-1])
    for other in (Member("c", 1, "00"), Member("b", 2, "00"), Member("b", 1, "01")):
        assert folder_digest([other, members[1]]) != folder_digest(members)


def test_the_archive_of_a_known_folder_never_changes() -> None:
    layout = Layout([("a.csv", 3), ("길.csv", 0)])
    raw = b"".join(segment.data or b"abc" for segment in layout.segments)
    assert layout.size == len(raw) == 512 * 7
    # Frozen: contracts name archives by their bytes, so a release must not write others.
    expected = "6085ccd277b395ba1669afab26913ccf6231fadebd6b5126f3ce1dd36b5e29a8"
    assert hashlib.sha256(raw).hexdigest() == expected


def test_sizes_beyond_octal() -> None:
    size = 8**11 + 7
    entry = tarfile.TarInfo.frombuf(header_of("big", size)[-512:], "utf-8", "strict")
    assert entry.size == 0
    assert b"19 size=8589934599\n" in header_of("big", size)
    assert Layout([("big", size)]).size % 512 == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(data=st.data())
async def test_any_cut_is_the_same_bytes(source: FolderSource, tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "f"
    if not folder.exists():
        fill(folder)
    body = await source.open(await source.inspect(folder))
    try:
        raw = read_all(body)
        start = data.draw(st.integers(0, body.size - 1))
        count = data.draw(st.integers(1, 3000))
        view = memoryview(bytearray(count))
        done = body.read_now(view, start)
        if done is None:
            done = body.read(view, start)
            assert done == min(count, body.size - start)
        assert bytes(view[:done]) == raw[start : start + done]
        assert done > 0
    finally:
        body.close()


@pytest.mark.parametrize(
    "kind", ["file link", "folder link", "link outside", "pipe", "not utf-8", "empty", "missing"]
)
async def test_folders_that_are_refused(source: FolderSource, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "f"
    if kind != "missing":
        folder.mkdir()
    if kind not in ("empty", "missing"):
        fill(folder)
    match kind:
        case "file link":
            (folder / "l").symlink_to(folder / "b.csv")
        case "folder link":
            (folder / "a" / "l").symlink_to(folder / "a")
        case "link outside":
            (folder / "l").symlink_to("/etc/passwd")
        case "pipe":
            os.mkfifo(folder / "a" / "p")
        case "not utf-8":
            (folder / os.fsdecode("한.csv".encode("cp949"))).write_bytes(b"x")
    with pytest.raises(SourceInvalid) as refused:
        await source.inspect(folder)
    assert refused.value.pointer


async def test_a_linked_folder_is_refused(source: FolderSource, tmp_path: Path) -> None:
    fill(tmp_path / "f")
    (tmp_path / "l").symlink_to(tmp_path / "f")
    with pytest.raises(SourceInvalid):
        await source.inspect(tmp_path / "l")


async def test_a_folder_that_grows_is_not_taken(source: FolderSource, clock, tmp_path: Path) -> None:
    folder = fill(tmp_path / "f")
    clock.on_sleep = lambda: (folder / "new").write_bytes(b"x")
    with pytest.raises(SourceInvalid, match="being written to"):
        await source.inspect(folder)


async def test_added_files_do_not_matter_and_changed_ones_do(source: FolderSource, tmp_path: Path) -> None:
    folder = fill(tmp_path / "f")
    found = await source.inspect(folder)
    (folder / "new").write_bytes(b"x")
    body = await source.open(found)
    assert hashlib.sha256(read_all(body)).hexdigest() == found.sha256
    body.close()
    (folder / "b.csv").write_bytes(b"x" * 1000)  # equal content, another time
    body = await source.open(found)
    assert body.is_verified
    body.close()
    (folder / "b.csv").write_bytes(b"y" * 1000)
    with pytest.raises(SourceChanged):
        await source.open(found)
    (folder / "b.csv").unlink()
    with pytest.raises(SourceChanged):
        await source.open(found)


async def test_a_member_that_vanishes_while_it_is_sent(source: FolderSource, tmp_path: Path) -> None:
    folder = fill(tmp_path / "f")
    body = await source.open(await source.inspect(folder))
    (folder / "b.csv").unlink()
    with pytest.raises(SourceChanged):
        read_all(body)
    body.close()


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/./b", "", "a\x00b"])
def test_paths_that_leave(path: str) -> None:
    with pytest.raises(SourceInvalid):
        header_of(path, 1)


@pytest.mark.parametrize("kind", ["garbage", "link", "traversal"])
def test_received_archives_that_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("../x" if kind == "traversal" else "x")
        if kind == "link":
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    if kind == "garbage":
        path.write_bytes(b"no archive at all" * 100)
    with pytest.raises(BadInput):
        read_archive(path)
