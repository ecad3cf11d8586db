"""Users and accounts that rows name: found by external id or name, made, replaced by a default, or
left out, as the mapping says. One look-up a batch, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.kit.batch import Stored
from services.kit.db import WriteSession
from services.pipeline.imports import lookups, records
from services.pipeline.imports.mapping import Reference, References
from services.pipeline.imports.records import RECORDS, Author

_REMEMBERED_MAX = 20_000

Payload = dict[str, Any]


@dataclass(slots=True)
class Resolved:
    """What became of the names of one kind: `known` by name, `notes` by name for the rows that
    used it: a code and a sentence."""

    known: dict[str, str | None] = field(default_factory=dict)
    notes: dict[str, tuple[str, str]] = field(default_factory=dict)


class Resolver:
    """Of one import. What it found in earlier batches it need not look up again; it is forgotten
    when a batch is rolled back."""

    def __init__(self, rules: References, author: Author) -> None:
        self._rules: dict[str, Reference] = {"users": rules.users, "accounts": rules.accounts}
        self._author = author
        self._found: dict[str, dict[str, str]] = {"users": {}, "accounts": {}}

    def forget(self) -> None:
        """Records made in a transaction that did not last are not there."""
        for found in self._found.values():
            found.clear()

    async def resolve(
        self, session: WriteSession, record: str, rows: Sequence[Sequence[Payload]]
    ) -> list[list[tuple[str, str, str]]]:
        """Replaces names by external ids in the versions of each row, in place. Returns each row's
        notes of (code, field, sentence)."""
        fields = RECORDS[record].references
        resolved: dict[str, Resolved] = {}
        for kind in set(fields.values()):
            names = {
                name
                for versions in rows
                for payload in versions
                for field_, of in fields.items()
                if of == kind and isinstance(name := payload.get(field_), str)
            }
            resolved[kind] = await self._resolve(session, kind, names)
        return [_replaced(versions, fields, resolved) for versions in rows]

    async def _resolve(self, session: WriteSession, kind: str, names: set[str]) -> Resolved:
        rule = self._rules[kind]
        found = self._found[kind]
        if len(found) > _REMEMBERED_MAX:
            found.clear()
        missing = names - found.keys()
        if missing and "external_id" in rule.match:
            hits = await lookups.names_found(session, RECORDS[kind].table, missing, by_name=False)
            found.update({name: ids[0] for name, ids in hits.items()})
            missing -= hits.keys()
        result = Resolved()
        if missing and "name" in rule.match:
            hits = await lookups.names_found(session, RECORDS[kind].table, missing, by_name=True)
            for name, ids in hits.items():
                if len(ids) == 1:
                    found[name] = ids[0]
                    missing.discard(name)
                else:
                    result.notes[name] = (
                        "ambiguous_name", f"{name[:80]!r} is the name of {len(ids)} {kind}"
                    )  # fmt: skip
        await self._settle_missing(session, kind, rule, missing - result.notes.keys(), result)
        result.known |= {name: found[name] for name in names if name in found}
        return result

    async def _settle_missing(
        self,
        session: WriteSession,
        kind: str,
        rule: Reference,
        missing: set[str],
        result: Resolved,
    ) -> None:
        if not missing or rule.missing == "error":
            return
        word = kind.removesuffix("s")
        if rule.missing == "create":
            for name in await self._create(session, kind, {name: name for name in missing}):
                sentence = f"{word} {name[:80]!r} was not there and was made"
                result.notes[name] = (f"{word}_created", sentence)
        elif rule.missing == "empty":
            for name in missing:
                result.known[name] = None
                sentence = f"there is no {word} {name[:80]!r}; it was left out"
                result.notes[name] = (f"unknown_{word}", sentence)
        else:
            assert rule.default is not None
            await self._ensure_default(session, kind, rule)
            for name in missing:
                result.known[name] = rule.default
                if name != rule.default:
                    sentence = f"there is no {word} {name[:80]!r}; {rule.default!r} stands in"
                    result.notes[name] = (f"unknown_{word}", sentence)

    async def _ensure_default(self, session: WriteSession, kind: str, rule: Reference) -> None:
        assert rule.default is not None
        if rule.default in self._found[kind]:
            return
        hits = await lookups.names_found(
            session, RECORDS[kind].table, [rule.default], by_name=False
        )
        if hits:
            self._found[kind][rule.default] = rule.default
        else:
            await self._create(session, kind, {rule.default: rule.default_name or rule.default})

    async def _create(
        self, session: WriteSession, kind: str, names: dict[str, str]
    ) -> Iterable[str]:
        """Names that are no valid external ids stay unknown, which refuses the rows using them."""
        wanted = sorted(names)
        payloads: list[Payload] = [{"external_id": key, "name": names[key]} for key in wanted]
        outcomes = await records.store(session, self._author, kind, payloads)
        made = [
            key
            for key, outcome in zip(wanted, outcomes, strict=True)
            if isinstance(outcome, Stored)
        ]
        self._found[kind].update({key: key for key in made})
        return made


def _replaced(
    versions: Sequence[Payload], fields: dict[str, str], resolved: dict[str, Resolved]
) -> list[tuple[str, str, str]]:
    notes: dict[tuple[str, str], str] = {}
    for payload in versions:
        for field_, kind in fields.items():
            name = payload.get(field_)
            if not isinstance(name, str):
                continue
            known, told = resolved[kind].known, resolved[kind].notes
            if name in known:
                payload[field_] = known[name]
                if known[name] is None:
                    del payload[field_]
            if name in told:
                code, sentence = told[name]
                notes[(code, field_)] = sentence
    return [(code, field_, sentence) for (code, field_), sentence in notes.items()]
