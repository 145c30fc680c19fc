"""Media types by file name, the same on every machine."""

from __future__ import annotations

import mimetypes
from typing import Final

CSV: Final = "text/csv"
TSV: Final = "text/tab-separated-values"
JSON: Final = "application/json"
PARQUET: Final = "application/vnd.apache.parquet"
BINARY: Final = "application/octet-stream"

_OURS: Final = {".csv": CSV, ".tsv": TSV, ".json": JSON, ".parquet": PARQUET, ".pq": PARQUET}
# Only the table inside Python: /etc/mime.types differs from machine to machine.
_TABLE: Final = mimetypes.MimeTypes(filenames=())


def media_type_of(name: str) -> str:
    """The media type for a file name; `application/octet-stream` where the name says nothing."""
    dot = name.rfind(".")
    ours = _OURS.get(name[dot:].lower()) if dot >= 0 else None
    if ours is not None:
        return ours
    guessed, packed = _TABLE.guess_type("file:" + name.rsplit("/", 1)[-1], strict=True)
    return BINARY if guessed is None or packed is not None else guessed
