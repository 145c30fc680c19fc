"""Write the software bill of materials, dist/madang.cdx.json: `make sbom`.

CycloneDX, one component for each line of requirements.lock with the hashes that pip insists on, the licence
that the installed package declares, and who needs whom. The same lock gives the same bytes. Checked against
the standard's schema before it is kept.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT: Final = Path(__file__).resolve().parent.parent
TARGET: Final = ROOT / "dist" / "madang.cdx.json"
PROJECT: Final = "madang"
READ_LOCK: Final = (
    *("requirements", "requirements.lock", "--pyproject", "pyproject.toml"),
    *("--output-reproducible", "--spec-version", "1.6", "--output-format", "JSON"),
)


def listed() -> dict[str, Any]:
    """What the lock names, with hashes, as the standard's own tool reads it."""
    tool = Path(sys.executable).with_name("cyclonedx-py")
    # -W: the tool misses the edges that `needs` adds below, and says so
    command = [sys.executable, "-W", "ignore", str(tool), *READ_LOCK]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    bill: dict[str, Any] = json.loads(done.stdout)
    return bill


def declared(package: str) -> dict[str, Any]:
    """The installed package's own metadata; empty if it is needed on other platforms only."""
    try:
        return metadata.metadata(package).json
    except metadata.PackageNotFoundError:
        return {}


def licence(about: dict[str, Any]) -> list[dict[str, Any]]:
    """A CycloneDX licence choice; empty if the package declares nothing that can be read."""
    if expression := about.get("license_expression"):
        return [{"expression": expression}]
    marks = [mark.split(" :: ")[-1] for mark in about.get("classifier", []) if mark.startswith("License ::")]
    marks = [mark for mark in marks if mark != "OSI Approved"]  # says that somebody did, not what
    short = str(about.get("license", "")).strip()
    names = marks or ([short] if short and "\n" not in short else [])
    return [{"license": {"name": name}} for name in names]


def needs(about: dict[str, Any]) -> set[NormalizedName]:
    """The canonical names of what a package needs here, without its extras."""
    lines = [Requirement(line) for line in about.get("requires_dist", [])]
    return {
        canonicalize_name(it.name) for it in lines if it.marker is None or it.marker.evaluate({"extra": ""})
    }


def main() -> int:
    """Write the bill; exit 1 and write nothing if it breaks the standard's schema."""
    bill = listed()
    references = {canonicalize_name(part["name"]): part["bom-ref"] for part in bill["components"]}
    root = bill["metadata"]["component"]["bom-ref"]
    edges = {root: needs(declared(PROJECT))}
    unknown = []
    for part in bill["components"]:
        about = declared(part["name"])
        edges[part["bom-ref"]] = needs(about)
        part["description"] = about.get("summary", "")
        if found := licence(about):
            part["licenses"] = found
        else:
            unknown.append(part["name"])
    bill["dependencies"] = [
        {"ref": ref, "dependsOn": sorted(references[name] for name in names if name in references)}
        for ref, names in sorted(edges.items())
    ]
    text = json.dumps(bill, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        print(f"the bill of materials is not valid: {error}", file=sys.stderr)
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)}: {len(bill['components'])} components")
    if unknown:
        print(f"no licence known here for: {', '.join(unknown)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
