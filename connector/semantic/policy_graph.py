"""Policies in RDF -> the JSON form that the policy room reads.

Turtle and JSON-LD are read by rdflib, off the request path: `python -m connector.semantic.policy_graph`
is a process of its own that reads one JSON object {"text": …, "format": "turtle" | "json-ld"} from
standard input and writes {"policies": [...]} or {"error": …, "pointer": …}. The text has at most
64 KiB, the work 2 seconds. No context is ever fetched.

Annotations (Dublin Core, RDFS, SKOS, PROV, schema.org) say nothing about what is permitted and are
left out. Any other statement about a policy or a part of it that ODRL does not know is an error.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import warnings
from typing import Any, Final

from rdflib import RDF, BNode, Graph, Literal, Node, URIRef
from rdflib.collection import Collection

from connector.errors import PolicyInvalid
from connector.model.names import ODRL, XSD

MAX_BYTES: Final = 64 * 1024
LIMIT_S: Final = 2
MEMORY_BYTES: Final = 512 << 20
MAX_DEPTH: Final = 40

_ANNOTATIONS: Final = (
    "http://purl.org/dc/",
    "http://www.w3.org/2000/01/rdf-schema#",
    "http://www.w3.org/2004/02/skos/core#",
    "http://www.w3.org/ns/prov#",
    "http://schema.org/",
    "https://schema.org/",
)
_RULES: Final = ("permission", "prohibition", "obligation")
_DUTIES: Final = ("duty", "remedy", "consequence")
_PARTIES: Final = ("target", "assigner", "assignee")
_LOGICS: Final = ("and", "or", "xone", "andSequence")
_TYPES: Final = frozenset(
    {
        *("Policy", "Set", "Offer", "Agreement", "Rule", "Permission", "Prohibition", "Duty", "Action"),
        *("Constraint", "LogicalConstraint", "Asset", "AssetCollection", "Party", "PartyCollection"),
    }
)


def read_policies(text: str, form: str = "turtle") -> list[dict[str, Any]]:
    """Every policy in a document, as the policy room reads them.

    Raises:
        PolicyInvalid: too long, not RDF, or a part that ODRL has no place for, with the path to it.
    """
    if len(text.encode("utf-8")) > MAX_BYTES:
        raise PolicyInvalid(f"the document has more than {MAX_BYTES} bytes")
    if form == "json-ld":
        _refuse_remote_contexts(text)
    try:
        graph = read_graph(text, form)
    except Exception as error:  # noqa: BLE001 - rdflib's parsers raise whatever comes to hand
        raise PolicyInvalid(f"not {form}: {str(error)[:200]}") from None
    return [policy_mapping(graph, node) for node in policy_nodes(graph)]


def read_graph(text: str, form: str) -> Graph:
    """A document as a graph; whatever the parser raises comes through."""
    graph = Graph()
    with warnings.catch_warnings():
        # rdflib's JSON-LD parser uses a class that rdflib itself has deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        graph.parse(data=text, format=form)
    return graph


def _refuse_remote_contexts(text: str) -> None:
    try:
        left = [json.loads(text)]
    except (ValueError, RecursionError) as error:
        raise PolicyInvalid(f"not JSON: {str(error)[:200]}") from None
    while left:
        node = left.pop()
        if isinstance(node, list):
            left.extend(node)
        elif isinstance(node, dict):
            contexts = node.get("@context")
            for one in contexts if isinstance(contexts, list) else [contexts]:
                if isinstance(one, str) or (isinstance(one, dict) and "@import" in one):
                    raise PolicyInvalid(
                        f"the context {one!r} is not fetched",
                        pointer="/@context",
                        hint="write the context into the document",
                    )
            left.extend(node.values())


def policy_nodes(graph: Graph) -> list[Node]:
    """What has rules and is no rule itself, nor a request; in a stable order."""
    found = {subject for name in _RULES for subject in graph.subjects(URIRef(ODRL + name), None)}
    request = URIRef(ODRL + "Request")
    return sorted((n for n in found if (n, RDF.type, request) not in graph), key=str)


def policy_mapping(graph: Graph, node: Node) -> dict[str, Any]:
    """One policy with all that belongs to it.

    Raises:
        PolicyInvalid: as `read_policies`.
    """
    return _Reader(graph).policy(node)


class _Reader:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def policy(self, node: Node) -> dict[str, Any]:
        out: dict[str, Any] = self._identity(node)
        for name, values in self._members(node, "", 0):
            where = f"/{name}"
            if name in _RULES:
                out[name] = [self.rule(v, f"{where}/{i}", 1) for i, v in enumerate(values)]
            else:
                out[name] = self._common(name, values, where, 1)
        return out

    def rule(self, node: Node, pointer: str, depth: int) -> dict[str, Any]:
        out: dict[str, Any] = self._identity(node)
        for name, values in self._members(node, pointer, depth):
            where = f"{pointer}/{name}"
            if name in _DUTIES:
                out[name] = [self.rule(v, f"{where}/{i}", depth + 1) for i, v in enumerate(values)]
            else:
                out[name] = self._common(name, values, where, depth + 1)
        # A target written on the action is what the rule is about.
        for action in self.graph.objects(node, URIRef(ODRL + "action")):
            for target in self.graph.objects(action, URIRef(ODRL + "target")):
                out.setdefault("target", self.subject(target, pointer + "/target", depth + 1))
        return out

    def _common(self, name: str, values: list[Node], pointer: str, depth: int) -> Any:
        if name == "action":
            return [self.action(v, f"{pointer}/{i}", depth) for i, v in enumerate(values)]
        if name == "constraint":
            return [self.constraint(v, f"{pointer}/{i}", depth) for i, v in enumerate(values)]
        if name in _PARTIES:
            subjects = [self.subject(v, pointer, depth) for v in values]
            return subjects if len(subjects) > 1 else subjects[0]
        plain = [self._plain(v, pointer) for v in values]
        return plain if len(plain) > 1 else plain[0]

    def action(self, node: Node, pointer: str, depth: int) -> Any:
        if isinstance(node, URIRef) and (node, RDF.value, None) not in self.graph:
            declared = any(
                (node, URIRef(ODRL + name), None) in self.graph for name in ("includedIn", "implies")
            )
            if not declared and (node, URIRef(ODRL + "refinement"), None) not in self.graph:
                return str(node)
        name = self.graph.value(node, RDF.value) or node
        if isinstance(name, BNode):
            raise PolicyInvalid("an action needs a name", pointer=pointer)
        out: dict[str, Any] = {"@id": str(name)}
        for key, values in self._members(node, pointer, depth, also=("target",)):
            if key == "refinement":
                out[key] = [
                    self.constraint(v, f"{pointer}/{key}/{i}", depth + 1) for i, v in enumerate(values)
                ]
            elif key != "target":
                out[key] = [self._plain(v, f"{pointer}/{key}") for v in values]
        return out

    def subject(self, node: Node, pointer: str, depth: int) -> Any:
        members = [] if isinstance(node, Literal) else list(self._members(node, pointer, depth, is_part=True))
        if not members:
            if isinstance(node, BNode):
                raise PolicyInvalid("an asset or party needs an id", pointer=pointer)
            return str(node)
        out = self._identity(node)
        for name, values in members:
            if name == "refinement":
                out[name] = [
                    self.constraint(v, f"{pointer}/{name}/{i}", depth + 1) for i, v in enumerate(values)
                ]
            else:
                out[name] = self._plain(values[0], f"{pointer}/{name}")
        return out

    def constraint(self, node: Node, pointer: str, depth: int) -> dict[str, Any]:
        out = self._identity(node)
        for name, values in self._members(node, pointer, depth):
            where = f"{pointer}/{name}"
            if name in _LOGICS:
                parts = [part for v in values for part in self._listed(v)]
                out[name] = [self.constraint(v, f"{where}/{i}", depth + 1) for i, v in enumerate(parts)]
            elif name == "rightOperand":
                parts = [part for v in values for part in self._listed(v)]
                found = [self._value(v, where) for v in parts]
                out[name] = found if len(found) != 1 else found[0]
            else:
                out[name] = self._plain(values[0], where)
        return out

    def _listed(self, node: Node) -> list[Node]:
        if node == RDF.nil or (node, RDF.first, None) in self.graph:
            return list(Collection(self.graph, node))
        return [node]

    def _value(self, node: Node, pointer: str) -> Any:
        if isinstance(node, URIRef):
            return {"@id": str(node)}
        if not isinstance(node, Literal):
            raise PolicyInvalid("a value is a literal or an IRI", pointer=pointer)
        if node.language:
            return {"@value": str(node), "@language": node.language}
        if node.datatype is None or str(node.datatype) == XSD + "string":
            return str(node)
        return {"@value": str(node), "@type": str(node.datatype)}

    def _plain(self, node: Node, pointer: str) -> str:
        if isinstance(node, BNode):
            raise PolicyInvalid("a name is expected here", pointer=pointer)
        return str(node)

    def _identity(self, node: Node) -> dict[str, Any]:
        out: dict[str, Any] = {} if isinstance(node, BNode) else {"@id": str(node)}
        types = sorted(str(t) for t in self.graph.objects(node, RDF.type))
        known = [t for t in types if t.removeprefix(ODRL) in _TYPES]
        specific = [
            t for t in known if t not in (ODRL + "Policy", ODRL + "Rule", ODRL + "Asset", ODRL + "Party")
        ]
        chosen = specific or known
        if chosen:
            out["@type"] = chosen[0]
        return out

    def _members(
        self,
        node: Node,
        pointer: str,
        depth: int,
        *,
        is_part: bool = False,
        also: tuple[str, ...] = (),
    ) -> list[tuple[str, list[Node]]]:
        """ODRL's members of a node by bare name, in a stable order; annotations are left out."""
        if depth > MAX_DEPTH:
            raise PolicyInvalid(f"nested deeper than {MAX_DEPTH} levels", pointer=pointer)
        found: dict[str, list[Node]] = {}
        for predicate, value in self.graph.predicate_objects(node):
            name = str(predicate)
            if name.startswith(ODRL):
                found.setdefault(name.removeprefix(ODRL), []).append(value)
            elif predicate in (RDF.type, RDF.value) or name.startswith(_ANNOTATIONS) or is_part:
                continue
            else:
                raise PolicyInvalid(f"{name} is no member of a policy", pointer=f"{pointer}/{name}")
        if is_part:
            # What is said about an asset or a party elsewhere in the document is no part of the rule.
            found = {k: v for k, v in found.items() if k in ("source", "refinement", "uid", "partOf", *also)}
            if found.keys() == {"partOf"}:
                found = {}
        if found.get("uid") == [node]:
            del found["uid"]
        for values in found.values():
            values.sort(key=_stable)
        return sorted(found.items())


def _stable(node: Node) -> tuple[int, str]:
    """IRIs by name; blank nodes stay as they come."""
    return (0, str(node)) if isinstance(node, URIRef) else (1, "")


def main() -> None:
    """Answer one request from standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.alarm(LIMIT_S)
    asked = json.loads(sys.stdin.buffer.read(8 * MAX_BYTES))
    try:
        answer: dict[str, Any] = {"policies": read_policies(asked["text"], asked.get("format", "turtle"))}
    except PolicyInvalid as error:
        answer = {"error": error.message, "pointer": error.pointer}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
