"""The SHACL worker: `python -m connector.semantic.worker VOCAB-FOLDER`.

The only module of the connector that loads RDF libraries. It reads one JSON object a line from
standard input, {"id": N, "turtle": TEXT}, and answers each with one line: {"id": N} and either
"findings", or "error" (what is wrong with the text), or "failure" (what went wrong here). Its first
line, {"ready": true}, says that the shapes are loaded.
It ends when its input ends, and by itself if one check takes longer than LIMIT_S.
"""

from __future__ import annotations

import json
import logging
import resource
import signal
import sys
from pathlib import Path
from typing import IO, Any, Final

import pyshacl
from rdflib import RDFS, BNode, Graph, Namespace, Node, URIRef
from rdflib.namespace import SKOS
from rdflib.term import Literal

from connector.semantic.terms import CSVW, compact

LIMIT_S: Final = 15
"""Longer than the caller waits: this only catches a worker whose caller has died."""
MEMORY_BYTES: Final = 1 << 30

SH: Final = Namespace("http://www.w3.org/ns/shacl#")
_COLUMN_NAME: Final = URIRef(CSVW + "name")


def load(vocab: Path) -> tuple[Graph, Graph]:
    """The shapes, and the statements of the vocabulary that they look up (which concept is in which scheme).

    Raises:
        OSError: a file is missing.
    """
    shapes = Graph().parse(vocab / "shapes.ttl", format="turtle")
    vocabulary = Graph().parse(vocab / "madang.ttl", format="turtle")
    schemes = Graph()
    for triple in vocabulary.triples((None, SKOS.inScheme, None)):
        schemes.add(triple)
    return shapes, schemes


def check(data: Graph, shapes: Graph, schemes: Graph) -> list[dict[str, Any]]:
    """What the shapes object to in a description, worst first, then by place; each objection once."""
    for triple in schemes:
        data.add(triple)
    _, report, _ = pyshacl.validate(data, shacl_graph=shapes, inference="none", inplace=True)
    if not isinstance(report, Graph):
        raise TypeError(f"the validator failed: {report}")
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for result in report.objects(None, SH.result):
        finding = _finding(report, data, shapes, result)
        key = (finding["severity"], finding["focus"], finding["path"], finding["message"].get("en", ""))
        found.setdefault(key, finding)
    # "violation" comes before "warning" in the alphabet as well.
    return [found[key] for key in sorted(found)]


def _finding(report: Graph, data: Graph, shapes: Graph, result: Node) -> dict[str, Any]:
    shape = report.value(result, SH.sourceShape)
    focus = report.value(result, SH.focusNode)
    value = report.value(result, SH.value)
    path = report.value(result, SH.resultPath)
    # A path that is no single property, or none, is named by the shape.
    if not isinstance(path, URIRef):
        path = shapes.value(shape, RDFS.seeAlso) or _first_of_path(shapes, shape)
    return {
        "path": compact(str(path)) or str(path or ""),
        "field": _texts(shapes, shape, SH.name) or _texts(shapes, shape, RDFS.label),
        "message": _texts(report, result, SH.resultMessage),
        "severity": "warning" if report.value(result, SH.resultSeverity) == SH.Warning else "violation",
        "focus": _owner(data, focus),
        "column": str(data.value(focus, _COLUMN_NAME) or ""),
        "value": "" if value is None or value == focus else str(value)[:200],
    }


def _owner(data: Graph, node: Node | None) -> str:
    """The IRI of a node, or of the nearest one with a name that it belongs to."""
    for _ in range(64):
        if not isinstance(node, BNode):
            break
        node = next(iter(data.subjects(None, node)), None)
    return str(node) if isinstance(node, URIRef) else ""


def _first_of_path(shapes: Graph, shape: Node | None) -> Node | None:
    path = shapes.value(shape, SH.path)
    alternatives = shapes.value(path, SH.alternativePath)
    return next(iter(shapes.items(alternatives)), None) if alternatives is not None else path


def _texts(graph: Graph, subject: Node | None, prop: URIRef) -> dict[str, str]:
    found = {}
    for text in graph.objects(subject, prop):
        if isinstance(text, Literal) and text.language:
            found[text.language] = str(text)
    return found


def serve(requests: IO[str], answers: IO[str], vocab: Path) -> None:
    """Answer until the input ends."""

    def send(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer, ensure_ascii=True) + "\n")
        answers.flush()

    shapes, schemes = load(vocab)
    send({"ready": True})
    for line in requests:
        request = json.loads(line)
        signal.alarm(LIMIT_S)
        send({"id": request["id"], **_answer(request["turtle"], shapes, schemes)})
        signal.alarm(0)


def _answer(turtle: str, shapes: Graph, schemes: Graph) -> dict[str, Any]:
    try:
        data = Graph().parse(data=turtle, format="turtle")
    except Exception as error:  # noqa: BLE001 - parsers raise many things, and each is the answer
        return {"error": f"{type(error).__name__}: {error}"[:500]}
    try:
        return {"findings": check(data, shapes, schemes)}
    except Exception as error:  # noqa: BLE001 - the caller must hear of it; this process has no log
        return {"failure": f"{type(error).__name__}: {error}"[:500]}


def main() -> None:
    """Limit memory, keep the libraries' warnings to ourselves, serve."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    logging.disable(logging.CRITICAL)
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.setrecursionlimit(5_000)
    serve(sys.stdin, sys.stdout, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
