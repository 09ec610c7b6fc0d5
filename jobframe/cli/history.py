"""Which policies of a type were in force: when, by whom, and what each of them changed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from jobframe.cli.differences import differences
from jobframe.cli.invocation import Invocation
from jobframe.cli.output import emit_json, emit_table
from jobframe.cli.session import connected
from jobframe.cli.times import iso
from jobframe.config.changes import Change, Load
from jobframe.core.errors import UnknownJobType
from jobframe.core.policy import nearest_name
from jobframe.store import policies
from jobframe.store.policies import InForce

__all__ = ["show_history"]


def show_history(invocation: Invocation, type: str, *, as_json: bool) -> None:
    """
    Show the last policies of *type*, the newest first.

    Raises:
        UnknownJobType: It was never announced.

    """
    documents, known = connected(invocation, lambda jobs: _read(jobs.store, type))
    if not documents:
        raise UnknownJobType(type, nearest_name(type, known))
    if as_json:
        emit_json([_document(each, changed) for each, changed in _with_changes(documents)])
        return
    emit_table(
        ("#version", "at", "by", "key", "before", "after"),
        [row for each, changed in _with_changes(documents) for row in _rows(each, changed)],
        empty="",
    )


async def _read(store: Any, type: str) -> tuple[tuple[InForce, ...], list[str]]:
    return await policies.history(store, type), list(await policies.read(store))


def _with_changes(documents: Sequence[InForce]) -> list[tuple[InForce, list[Change]]]:
    """Pair each document with what it changed; what the oldest one changed is not known any more."""
    changed = [list(differences(older, newer, Load(0, 0))) for newer, older in pairwise(documents)]
    return list(zip(documents, [*changed, []], strict=True))


def _document(document: InForce, changed: list[Change]) -> dict[str, Any]:
    return {
        "version": document.version,
        "at": iso(document.at),
        "by": document.by,
        "changes": [{"key": each.key, "before": each.before, "after": each.after} for each in changed],
    }


def _rows(document: InForce, changed: list[Change]) -> list[tuple[str, ...]]:
    """One row a change; version, time and person stand on the first of them."""
    first, *others = [(each.key, each.before, each.after) for each in changed] or [("", "", "")]
    head = (str(document.version), iso(document.at) or "", document.by)
    return [(*head, *first), *(("", "", "", *other) for other in others)]
