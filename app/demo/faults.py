"""Faults of the Salesforce and OAuth servers: which request they meet, how often, and what then happens."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WHERE = ("salesforce", "oauth")


@dataclass(frozen=True)
class Kind:
    """A kind of fault: the arguments it takes, whether the request is carried out before the fault shows."""

    arguments: tuple[str, ...]
    commits: bool
    before_body: bool = False


KINDS: Mapping[str, Kind] = {
    "error": Kind(("status", "body", "headers"), commits=False),
    "html": Kind(("status", "body", "headers"), commits=False),
    "drop_before": Kind((), commits=False, before_body=True),
    "cut_upload": Kind(("bytes",), commits=False, before_body=True),
    "late_commit": Kind(("after_s",), commits=False),
    "commit_and_drop": Kind((), commits=True),
    "cut_after": Kind(("bytes",), commits=True),
    "empty_201": Kind((), commits=True),
    "not_json": Kind(("body",), commits=True),
    "delay": Kind(("s", "when"), commits=True),
}
"""``error`` and ``html`` answer without doing anything; ``drop_before`` cuts the connection before anything is read and
``cut_upload`` after N bytes of the request's body; ``late_commit`` cuts at once and carries out the request later;
``commit_and_drop`` carries it out and cuts; ``cut_after`` sends N bytes of the answer and cuts; ``empty_201`` and
``not_json`` carry it out and answer nonsense; ``delay`` waits before (or, with ``when`` "after", behind) the work."""


@dataclass
class FaultRule:
    """A fault in force. ``times`` counts down (-1: for ever); the first ``skip`` matching requests pass unharmed."""

    where: str
    kind: str
    arguments: Mapping[str, Any]
    method: str = ""
    path: re.Pattern[str] | None = None
    body: re.Pattern[str] | None = None
    user: str = ""
    org: str = ""
    times: int = 1
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    hits: int = 0
    random: random.Random = field(default_factory=random.Random, repr=False)

    @classmethod
    def from_json(cls, spec: Mapping[str, Any], longest_call_s: float) -> FaultRule:
        """A rule from the admin interface. Raises ValueError with the reason."""
        where, fault, match = spec.get("where", "salesforce"), spec.get("fault") or {}, spec.get("match") or {}
        kind = str(fault.get("kind"))
        if where not in WHERE:
            raise ValueError(f"where must be one of {', '.join(WHERE)}")
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        arguments = {key: value for key, value in fault.items() if key != "kind"}
        unknown = (set(arguments) - set(KINDS[kind].arguments)) | (set(match) - _MATCH_KEYS)
        unknown |= set(spec) - {"where", "match", "fault", "times", "skip", "probability", "seed"}
        if unknown:
            raise ValueError(f"not understood: {', '.join(sorted(unknown))}")
        if float(arguments.get("after_s", 0)) > longest_call_s:
            raise ValueError(f"a late commit cannot come later than the longest call, {longest_call_s} s")
        seed = int(spec.get("seed", 0))
        return cls(
            where=where,
            kind=kind,
            arguments=arguments,
            method=str(match.get("method", "")).upper(),
            path=_regex(match.get("path_regex")),
            body=_regex(match.get("body_regex")),
            user=str(match.get("user", "")).lower(),
            org=str(match.get("org", "")),
            times=int(spec.get("times", 1)),
            skip=int(spec.get("skip", 0)),
            probability=float(spec.get("probability", 1)),
            seed=seed,
            random=random.Random(seed),  # noqa: S311  reproducible, not secret
        )

    def as_json(self) -> dict[str, Any]:
        """The rule as the admin interface shows it, with how often it struck."""
        match = {
            "method": self.method,
            "path_regex": self.path.pattern if self.path else "",
            "body_regex": self.body.pattern if self.body else "",
            "user": self.user,
            "org": self.org,
        }
        return {
            "where": self.where,
            "match": {key: value for key, value in match.items() if value},
            "fault": {"kind": self.kind, **self.arguments},
            "times": self.times,
            "skip": self.skip,
            "probability": self.probability,
            "seed": self.seed,
            "hits": self.hits,
        }

    def number(self, name: str, default: float = 0) -> float:
        """A numeric argument."""
        return float(self.arguments.get(name, default))


@dataclass(frozen=True)
class Target:
    """What a request is, as far as rules look at it. ``path`` has the query; ``body`` is None before it was read."""

    where: str
    method: str
    path: str
    user: str
    org: str
    body: str | None = None


class HttpFaults:
    """The rules in force. The first one that strikes decides."""

    def __init__(self) -> None:
        self.longest_call_s = 600.0
        self._rules: list[FaultRule] = []

    def inject(self, spec: Mapping[str, Any]) -> FaultRule:
        """Put a rule in force. Raises ValueError with the reason."""
        try:
            rule = FaultRule.from_json(spec, self.longest_call_s)
        except (TypeError, AttributeError, re.error) as exc:
            raise ValueError(f"the fault is not understood: {exc}") from exc
        self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """End all rules."""
        self._rules.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """The rules in force, used-up ones too, so that their hits can be read."""
        return [rule.as_json() for rule in self._rules]

    def strike(self, target: Target) -> FaultRule | None:
        """The rule that strikes this request, counted as used. Asked twice: before the body is read and after."""
        for rule in self._rules:
            if rule.times == 0 or (target.body is None) != _is_early(rule) or not _matches(rule, target):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            if rule.probability < 1 and rule.random.random() >= rule.probability:
                continue
            if rule.times > 0:
                rule.times -= 1
            rule.hits += 1
            return rule
        return None


_MATCH_KEYS = {"method", "path_regex", "body_regex", "user", "org"}


def _regex(text: Any) -> re.Pattern[str] | None:
    return re.compile(str(text)) if text else None


def _is_early(rule: FaultRule) -> bool:
    return KINDS[rule.kind].before_body and rule.body is None


def _matches(rule: FaultRule, target: Target) -> bool:
    return (
        rule.where == target.where
        and rule.method in ("", target.method)
        and rule.user in ("", target.user.lower())
        and rule.org in ("", target.org, target.org[:15])
        and (rule.path is None or rule.path.search(target.path) is not None)
        and (rule.body is None or rule.body.search(target.body or "") is not None)
    )
