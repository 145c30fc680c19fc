"""`docs/policy.md` lists the operands of the whole vocabulary as they are."""

from __future__ import annotations

from pathlib import Path

from connector.policy.further import FURTHER
from connector.policy.further.catenax import CX
from connector.policy.terms import short

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "policy.md").read_text(encoding="utf-8")


def name(iri: str) -> str:
    return "cx:" + iri.removeprefix(CX) if iri.startswith(CX) else short(iri)


def test_the_table_of_further_operands() -> None:
    section = PAGE.split("\n## The whole of ODRL\n")[1].split("\n## ")[0]
    told = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    assert {row[0].strip(): [cell.strip() for cell in row[1:]] for row in told} == {
        f"`{name(iri)}`": [" ".join(sorted(o.operators)), o.evidence.value, o.enforcement.value]
        for iri, o in FURTHER.items()
    }


def test_the_codes_that_only_a_whole_policy_has_are_told() -> None:
    for code in (
        "policy-void",
        "duty-open",
        "duty-unknown",
        "obligation-violated",
        "fact-other",
        "fact-unknown",
    ):
        assert f"`{code}`" in PAGE
