"""`madang policy …` on files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.cli import main

USE = "http://www.w3.org/ns/odrl/2/use"


def count(n: int) -> dict[str, Any]:
    return {"leftOperand": "count", "operator": "lteq", "rightOperand": str(n)}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MADANG_HOME", str(tmp_path / "home"))

    def run_one(*words: str, code: int = 0, lang: str = "en") -> str:
        assert main(["policy", *words, "--lang", lang]) == code
        said = capsys.readouterr()
        return said.out + said.err

    return run_one


@pytest.fixture
def write(tmp_path):
    def write_one(name: str, *constraints: dict[str, Any], **more: Any) -> str:
        body = {"permission": [{"action": "use", "constraint": list(constraints)}], **more}
        (tmp_path / name).write_text(json.dumps(body), encoding="utf-8")
        return name

    return write_one


def test_check(run, write, tmp_path):
    file = write("a.json", count(3), target="urn:t")
    request, state = '{"target": "urn:t"}', '{"now": "2026-11-24T00:00:00Z", "uses": 2}'
    assert run("check", file, "--request", request, "--state", state).startswith("permitted: ")
    (tmp_path / "state.json").write_text('{"uses": 3}')
    out = run("check", file, "--request", request, "--state", "state.json", code=1)
    assert "denied (count-reached)" in out
    assert "[not met]" in out
    assert "거절 (count-reached)" in run(
        "check", file, "--request", request, "--state", "state.json", code=1, lang="ko"
    )
    found = json.loads(run("check", file, "--state", "state.json", "--json", code=1))
    assert (found["permitted"], found["code"]) == (False, "count-reached")
    assert {premise["outcome"] for premise in found["premises"]} == {"true", "false", "unknown"}
    until = write(
        "u.json", {"leftOperand": "dateTime", "operator": "lt", "rightOperand": "2999-01-01T00:00:00Z"}
    )
    assert "the decision stands until 2999-01-01T00:00:00+00:00" in run("check", until)


def test_check_reads_facts_of_the_whole_language(run, write):
    rate = {"leftOperand": "mmd:requestsPerMinute", "operator": "lteq", "rightOperand": "60"}
    file = write(
        "r.json", rate, {"leftOperand": "spatial", "operator": "isPartOf", "rightOperand": "urn:asia"}
    )
    state = {
        "facts": {"mmd:requestsPerMinute": {"@value": "7", "@type": "xsd:integer"}, "spatial": "urn:kr"},
        "broader": {"urn:kr": ["urn:asia"]},
    }
    assert run("check", file, "--whole", "--state", json.dumps(state)).startswith("permitted")
    assert "denied (not-understood)" in run("check", file, "--state", json.dumps(state), code=1)
    del state["broader"]
    assert "denied (fact-unknown)" in run("check", file, "--whole", "--state", json.dumps(state), code=1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["check", "none.json"], "there is no file"),
        (["check", "a.json", "--state", '{"use": 1}'], "'use' is not known"),
        (["check", "a.json", "--state", '{"uses": "x"}'], "whole number"),
        (["check", "a.json", "--state", '{"uses": true}'], "whole number"),
        (["check", "a.json", "--state", '{"now": "soon"}'], "soon"),
        (["check", "a.json", "--state", '{"duties": {"a": "b"}}'], "Deontic"),
        (["check", "a.json", "--state", "[1]"], "there is no file"),
        (["check", "a.json", "--request", '{"action": 1}'], "action has to be text"),
        (["check", "a.json", "--request", "{"], "not JSON"),
        (["lint", "bad.json"], "/permision"),
        (["lint", "list.json"], "holds 0 policies"),
        (["lint", "text.json"], "holds no object"),
        (["build", "--policy", "nothing"], "accepted"),
        (["diff", "a.json"], "B is missing"),
    ],
)
def test_bad_input_is_said_in_a_line(run, write, tmp_path, words, says):
    write("a.json")
    (tmp_path / "bad.json").write_text('{"permision": []}')
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "text.json").write_text('"x"')
    assert says in run(*words, code=2)


def test_diff(run, write):
    a, b = write("a.json", count(5)), write("b.json", count(9))
    assert run("diff", a, a) == "the policies say the same\n"
    out = run("diff", a, b, code=1)
    assert out.splitlines()[:2] == [
        "A is narrower than B",
        "  - up to use number 5 → up to use number 9 (looser)",
    ]
    assert "a request that only B permits: odrl:count = 6" in out
    assert "a request that only A permits: odrl:count = 6" in run("diff", b, a, code=1)
    assert run("diff", b, a, code=1, lang="ko").startswith("A는 B보다 넓습니다")
    assert json.loads(run("diff", a, b, "--json", code=1))["relation"] == "narrower"
    hard = write("h.json", {"xone": [{**count(i), "operator": "eq"} for i in range(1, 400)]})
    assert "too intricate" in run("diff", hard, a, code=1)


def test_conflicts(run, write):
    low, high = write("a.json", count(5)), write("b.json", {**count(5), "operator": "gt"})
    out = run("conflicts", low, high, code=1)
    assert "policy A [up to use number 5], policy B [after use number 5]" in out
    assert run("conflicts", low, low).splitlines()[1] == "  such a request: odrl:count = 1, action = odrl:use"
    free = write("c.json", count(5), {"leftOperand": "recipient", "operator": "neq", "rightOperand": "urn:x"})
    assert run("conflicts", low, free).startswith("compatible")
    assert "recipient" in run("conflicts", low, free, "--silence-unknown", code=3)
    assert json.loads(run("conflicts", low, high, "--json", code=1))["verdict"] == "conflict"


def test_explain_and_lint(run, write):
    file = write("a.json", count(5), {"leftOperand": "purpose", "operator": "eq", "rightOperand": "energy"})
    out = run("explain", file)
    assert "  enforced: up to use number 5" in out
    assert "  evidenced: the declared purpose is energy management" in out
    assert "  강제: 5번째 이용까지" in run("explain", file, lang="ko")
    legal = run("explain", file, "--legal", lang="ko")
    assert "제2조 (허용)" in legal
    found = json.loads(run("explain", file, "--json"))
    assert found["legalDigest"] in legal
    assert set(found["text"]) == {"ko", "en"}
    assert run("lint", file) == "nothing found\n"
    broken = write("b.json", count(0), prohibition=[{"action": "sell"}])
    out = run("lint", broken, code=1)
    assert "error /permission/0/constraint/0: not even the first use" in out
    assert "[not-understood]" in out
    assert "note" in run("lint", broken, "--whole", code=1)
    assert json.loads(run("lint", broken, "--json", code=1))[0]["severity"] == "error"


def test_build_and_words(run, tmp_path):
    built = json.loads(run("build", "--policy", "count-limit,no-redistribution", "--param", "count=3"))
    assert built["prohibition"][0]["action"].endswith("distribute")
    (tmp_path / "x.json").write_text(json.dumps(built))
    assert "only promised" in run("explain", "x.json", "--whole")
    out = run("words")
    assert "count-limit" in out
    assert "odrl:recipient" in out
    assert "횟수 제한" in run("words", lang="ko")
    assert len(json.loads(run("words", "--whole", "--json"))["operands"]) > 30


TURTLE = """
@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
<urn:p> a odrl:Set ; odrl:permission [ odrl:action odrl:use ; odrl:constraint [
  odrl:leftOperand odrl:count ; odrl:operator odrl:lteq ; odrl:rightOperand 5 ] ] .
"""


def test_turtle_and_messages_around_a_policy(run, write, tmp_path):
    a = write("a.json", count(5))
    (tmp_path / "t.ttl").write_text(TURTLE)
    assert run("diff", a, "t.ttl").startswith("the policies say the same")
    (tmp_path / "two.ttl").write_text(TURTLE + TURTLE.replace("urn:p", "urn:q"))
    assert "holds 2 policies" in run("lint", "two.ttl", code=2)
    (tmp_path / "odd.ttl").write_text("no turtle")
    assert run("lint", "odd.ttl", code=2).startswith("madang: ")
    message = {"@type": "ContractAgreementMessage", "agreement": json.loads((tmp_path / a).read_text())}
    (tmp_path / "m.json").write_text(json.dumps(message))
    assert run("diff", a, "m.json").startswith("the policies say the same")


def test_alone_it_shows_its_verbs(run):
    out = run()
    assert "conflicts" in out
    assert "whether two policies contradict each other" in out
