"""Profiling in a process of its own, so that a large table neither stops the loop nor fills it.

`python -m connector.dataplane.sources.worker FD MEDIA_TYPE SIZE` writes a profile
as JSON; pyarrow, where installed, is only ever imported there.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from connector.dataplane.sources import media
from connector.dataplane.sources.api import Column, Datatype
from connector.dataplane.sources.guess import unit_in
from connector.dataplane.sources.profile import SMALL_JSON_BYTES, Profile, profile_fd

_IN_THREAD_BYTES = 1 << 20
_ANSWER_LIMIT = 16 << 20
_ROOT = Path(__file__).resolve().parents[3]


async def profile_apart(fd: int, *, media_type: str, size: int) -> Profile:
    """Profile an open file: small ones in a thread, tables over 1 MiB and Parquet in a worker.

    A worker that fails or is stopped yields an empty profile with the note
    `profile-failed`: the file can still be published. Cancelling ends the worker.
    """
    is_table = media_type in (media.CSV, media.TSV) or (media_type == media.JSON and size <= SMALL_JSON_BYTES)
    if media_type != media.PARQUET and not (is_table and size > _IN_THREAD_BYTES):
        return await asyncio.to_thread(profile_fd, fd, media_type, size)
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "connector.dataplane.sources.worker",
        str(fd),
        media_type,
        str(size),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        pass_fds=(fd,),
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        answer, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or len(answer) > _ANSWER_LIMIT:
        return Profile(notes=("profile-failed",))
    value = json.loads(answer)
    return Profile(
        value["encoding"],
        tuple(Column(name, Datatype(datatype), unit) for name, datatype, unit in value["columns"]),
        value["rows"],
        tuple(value["notes"]),
    )


def _profile_parquet(fd: int) -> Profile:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        return Profile(notes=("parquet-not-read",))
    try:
        with os.fdopen(os.dup(fd), "rb") as file:
            table = parquet.ParquetFile(file)
            schema, rows = table.schema_arrow, table.metadata.num_rows
    except (pa.ArrowException, OSError):
        return Profile(notes=("not-a-table",))
    columns = []
    for column in schema:
        kind = column.type
        if pa.types.is_integer(kind):
            datatype = Datatype.INTEGER
        elif pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            datatype = Datatype.DECIMAL
        elif pa.types.is_boolean(kind):
            datatype = Datatype.BOOLEAN
        elif pa.types.is_timestamp(kind):
            datatype = Datatype.DATE_TIME
        else:
            datatype = Datatype.STRING
        columns.append(Column(column.name, datatype, unit_in(column.name)))
    return Profile(None, tuple(columns), rows)


def main(fd: int, media_type: str, size: int) -> None:
    """Profile the inherited descriptor and write the JSON answer."""
    found = _profile_parquet(fd) if media_type == media.PARQUET else profile_fd(fd, media_type, size)
    answer = {
        "encoding": found.encoding,
        "columns": [(column.name, column.datatype.value, column.unit) for column in found.columns],
        "rows": found.row_count,
        "notes": found.notes,
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
