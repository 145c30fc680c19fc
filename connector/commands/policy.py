"""`madang policy …`: read, decide and compare policies on files, without a connector.

Exit codes: 0 permitted, equal, compatible, nothing wrong; 1 denied, different, conflict, an error
found; 2 bad input; 3 it is not known whether they conflict.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.clock import SystemClock
from connector.commands.policy_files import read_context, read_policy
from connector.commands.publishing import items, pairs
from connector.commands.render import table
from connector.commands.shell import Shell
from connector.policy import SPINE, WHOLE, Decision, Policy, Templates, describe, enforcement, parse
from connector.policy import compile as compile_policy
from connector.policy.compare import Relation
from connector.policy.compare import compare as compare_policies
from connector.policy.conflicts import Silence, Verdict
from connector.policy.conflicts import conflicts as find_conflicts
from connector.policy.describe_ui import editor
from connector.policy.legal import legal_digest, legal_text
from connector.policy.lint import Severity
from connector.policy.lint import lint as find
from connector.policy.witness import Witness
from connector.resources import policies_dir

File = Annotated[Path, typer.Argument(metavar="FILE", help="help.policy.file")]
A = Annotated[Path, typer.Argument(metavar="A", help="help.policy.a")]
B = Annotated[Path, typer.Argument(metavar="B", help="help.policy.b")]
Whole = Annotated[bool, typer.Option("--whole", help="help.policy.whole")]
_UNKNOWN = 3
_OPERAND_HEADS = ("policy.head.operand", "policy.head.meaning", "policy.head.operators", "policy.head.class")
_TEMPLATE_HEADS = (
    "policy.head.template",
    "policy.head.meaning",
    "policy.head.parameters",
    "policy.head.publishable",
)


def add(app: typer.Typer) -> None:
    """Put these verbs into the tree."""
    policy = typer.Typer(help="help.policies", rich_markup_mode=None)
    policy.command("check", help="help.policy.check")(_check)
    policy.command("diff", help="help.policy.diff")(_diff)
    policy.command("conflicts", help="help.policy.conflicts")(_conflicts)
    policy.command("explain", help="help.policy.explain")(_explain)
    policy.command("lint", help="help.policy.lint")(_lint)
    policy.command("build", help="help.policy.build")(_build)
    policy.command("words", help="help.policy.words")(_words)
    app.add_typer(policy, name="policy")


def _read(file: Path, whole: bool) -> Policy:
    return parse(read_policy(file), WHOLE if whole else SPINE)


def _facts(found: Witness) -> str:
    return ", ".join(f"{name} = {value if value is not None else '–'}" for name, value in found.facts.items())


def _check(
    ctx: typer.Context,
    file: File,
    request: Annotated[str, typer.Option("--request", metavar="FILE|JSON", help="help.policy.request")] = "",
    state: Annotated[str, typer.Option("--state", metavar="FILE|JSON", help="help.policy.state")] = "",
    whole: Whole = False,
) -> int:
    shell: Shell = ctx.obj
    context = read_context(request, state, SystemClock().now())
    decision = compile_policy(_read(file, whole)).evaluate(context)
    found = {
        "permitted": decision.permitted,
        **decision.to_json(),
        "validUntil": None if decision.valid_until is None else decision.valid_until.isoformat(),
        "facts": sorted(decision.facts),
        "premises": [reason.to_json() for reason in decision.reasons],
    }
    shell.show(found, lambda: _decided(shell, decision))
    return 0 if decision.permitted else 1


def _decided(shell: Shell, decision: Decision) -> None:
    reason = decision.text(shell.lang)
    if decision.permitted:
        shell.say("policy.permitted", reason=reason)
    else:
        shell.say("policy.denied", code=decision.code, reason=reason)
    for premise in decision.reasons:
        outcome = shell.text(f"policy.outcome.{premise.outcome.value}")
        shell.write(f"  [{outcome}] {premise.text(shell.lang)}")
    if decision.valid_until is not None:
        shell.say("policy.until", until=decision.valid_until.isoformat())


def _diff(ctx: typer.Context, a: A, b: B, whole: Whole = False) -> int:
    shell: Shell = ctx.obj
    found = compare_policies(_read(a, whole), _read(b, whole))

    def show() -> None:
        shell.say(f"policy.relation.{found.relation.value}")
        if not found.decided:
            shell.say("policy.undecided")
        for change in found.changes:
            shell.write(f"  - {change.text(shell.lang)}")
        if found.only_a is not None:
            shell.say("policy.only.a", facts=_facts(found.only_a))
        if found.only_b is not None:
            shell.say("policy.only.b", facts=_facts(found.only_b))

    shell.show(found.to_json(), show)
    return 0 if found.relation is Relation.EQUAL else 1


def _conflicts(
    ctx: typer.Context,
    a: A,
    b: B,
    whole: Whole = False,
    silence: Annotated[bool, typer.Option("--silence-unknown", help="help.policy.silence")] = False,
) -> int:
    shell: Shell = ctx.obj
    reading = Silence.UNKNOWN if silence else Silence.PERMITS
    found = find_conflicts(_read(a, whole), _read(b, whole), silence=reading)

    def show() -> None:
        shell.say(f"policy.verdict.{found.verdict.value}", reason=found.reason.of(shell.lang))
        if found.witness is not None:
            shell.say("policy.witness", facts=_facts(found.witness))

    shell.show(found.to_json(), show)
    return {Verdict.COMPATIBLE: 0, Verdict.CONFLICT: 1}.get(found.verdict, _UNKNOWN)


def _explain(
    ctx: typer.Context,
    file: File,
    whole: Whole = False,
    legal: Annotated[bool, typer.Option("--legal", help="help.policy.legal")] = False,
) -> None:
    shell: Shell = ctx.obj
    policy = _read(file, whole)
    texts = {lang: legal_text(policy, lang) if legal else describe(policy, lang) for lang in ("ko", "en")}
    digest, kept = legal_digest(policy), enforcement(policy)
    found = {"text": texts, "legalDigest": digest, "enforcement": [entry.to_json() for entry in kept]}

    def show() -> None:
        shell.write(shell.pick(texts))
        if legal:
            shell.say("policy.digest", digest=digest)
            return
        for entry in kept:
            shell.say(f"policy.class.{entry.level.value}", text=entry.text.of(shell.lang))

    shell.show(found, show)


def _lint(ctx: typer.Context, file: File, whole: Whole = False) -> int:
    shell: Shell = ctx.obj
    findings = find(_read(file, whole), SystemClock().now())

    def show() -> None:
        if not findings:
            shell.say("policy.no-findings")
        for finding in findings:
            severity = shell.text(f"policy.severity.{finding.severity.value}")
            shell.write(f"{severity} {finding.pointer}: {finding.text(shell.lang)} [{finding.code}]")

    shell.show([finding.to_json() for finding in findings], show)
    return int(any(finding.severity is Severity.ERROR for finding in findings))


def _build(
    ctx: typer.Context,
    policy: Annotated[list[str], typer.Option("--policy", metavar="A,B", help="help.policy")],
    param: Annotated[list[str] | None, typer.Option("--param", metavar="K=V", help="help.param")] = None,
) -> None:
    shell: Shell = ctx.obj
    shell.data(Templates.load(policies_dir()).preview(items(policy), pairs(param or [], "--param")))


def _words(ctx: typer.Context, whole: Whole = False) -> None:
    shell: Shell = ctx.obj
    vocabulary = WHOLE if whole else SPINE
    found = editor(Templates.load(policies_dir(), vocabulary), vocabulary)
    shell.show(found, lambda: _listed(shell, found))


def _listed(shell: Shell, found: Mapping[str, Any]) -> None:
    operands = [
        (o["name"], shell.pick(o["title"]), " ".join(sorted(o["operators"])), o["class"])
        for o in found["operands"]
    ]
    table(shell, _OPERAND_HEADS, operands)
    templates = [
        (
            t["name"],
            shell.pick(t["title"]),
            " ".join(t["parameters"]["properties"]),
            shell.text("policy.yes" if t["understood"] else "policy.no"),
        )
        for t in found["templates"]
    ]
    table(shell, _TEMPLATE_HEADS, templates)
