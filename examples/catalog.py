"""What a connector offers to everybody: `python catalog.py https://factory-a.example` (plain Python)."""

import json
import sys
from urllib.request import Request, urlopen

request = Request(f"{sys.argv[1]}/catalog", headers={"Accept": "application/ld+json"})  # noqa: S310
with urlopen(request, timeout=10) as answer:  # noqa: S310 - the address is the user's own
    catalog = json.load(answer)
for dataset in catalog.get("dataset", []):
    print(dataset["@id"], dataset["title"], len(dataset.get("column", [])), "columns")
