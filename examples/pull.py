"""Fetch the data of a contract through your own connector: `python pull.py AGREEMENT [PURPOSE]`."""

import json
import os
import sys
from pathlib import Path
from urllib.request import Request, urlopen

home = Path(os.environ.get("MADANG_HOME", "~/madang")).expanduser()
headers = {"x-api-key": (home / "management.key").read_text().strip(), "Content-Type": "application/json"}
body = json.dumps({"agreement": sys.argv[1], "purpose": "".join(sys.argv[2:3])}).encode()
address = os.environ.get("MADANG_MANAGEMENT", "http://127.0.0.1:9191")
with urlopen(Request(f"{address}/manage/pull", body, headers)) as lines:  # noqa: S310 - our own connector
    for line in lines:  # progress, and at last where the file is
        print(json.loads(line))
