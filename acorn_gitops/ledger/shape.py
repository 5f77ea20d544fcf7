"""What a ledger is made of: every table, index and trigger, word for word. Goes out: statements. Callers:
`ledger`, `migrations`.

Whatever else a file holds, or holds otherwise, could run or feign something whenever it is used: such a file
is none of ours.
"""

from __future__ import annotations

from typing import Final

SUBJECT: Final = (
    "CASE WHEN json_valid(CAST(body AS TEXT)) THEN json_extract(CAST(body AS TEXT), '$.address') END"
)
"""What a row of history is about. There is an index over it, so that years of history cost a plan nothing."""
FIRST: Final[dict[str, str]] = {
    "meta": "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "resource": """CREATE TABLE resource (
      store TEXT NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, attributes BLOB NOT NULL,
      adopted INTEGER NOT NULL, remote_id TEXT NOT NULL, plan TEXT NOT NULL, commit_id TEXT NOT NULL,
      applied_at TEXT NOT NULL, origin TEXT NOT NULL, protected INTEGER NOT NULL, PRIMARY KEY (store, type, key)
    ) WITHOUT ROWID""",
    "plan": """CREATE TABLE plan (
      id TEXT PRIMARY KEY, status TEXT NOT NULL, at TEXT NOT NULL, actor TEXT NOT NULL, commit_id TEXT NOT NULL
    ) WITHOUT ROWID""",
    "intent": """CREATE TABLE intent (
      id INTEGER PRIMARY KEY, plan TEXT NOT NULL, store TEXT NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL,
      action TEXT NOT NULL, operation TEXT NOT NULL, idempotency_key TEXT NOT NULL, attributes BLOB, declared BLOB,
      origin TEXT NOT NULL, remote_id TEXT NOT NULL, protected INTEGER NOT NULL, at TEXT NOT NULL, outcome TEXT, message TEXT
    )""",
    "intent_plan": "CREATE INDEX intent_plan ON intent (plan)",
    "intent_address": "CREATE INDEX intent_address ON intent (store, type, key)",
    "audit": """CREATE TABLE audit (
      sequence INTEGER PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, event TEXT NOT NULL, body BLOB NOT NULL,
      previous TEXT NOT NULL, hash TEXT NOT NULL
    )""",
    **{
        f"audit_no_{verb.lower()}": (
            f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit"
            " BEGIN SELECT RAISE(ABORT, 'history is append-only'); END"
        )
        for verb in ("UPDATE", "DELETE")
    },
}
"""The shape of format 1."""
PARTS: Final[dict[str, str]] = {
    **FIRST,
    "seal": "CREATE TABLE seal (store TEXT PRIMARY KEY, value TEXT NOT NULL, sequence INTEGER NOT NULL) WITHOUT ROWID",
    "audit_event": "CREATE INDEX audit_event ON audit (event, hash)",
    "audit_subject": f"CREATE INDEX audit_subject ON audit ({SUBJECT}) WHERE event='write.observed'",
    "alembic_version": (
        "CREATE TABLE alembic_version ( version_num VARCHAR(32) NOT NULL,"
        " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num) )"
    ),
}
"""All that a ledger may hold: what came later needs no new format, since ledgers without it are read as well,
and slower."""
TYPED: Final[dict[str, str]] = {
    "resource": " OR ".join(
        [f"typeof({column})!='text'" for column in ("store", "type", "key", "digest")]
        + ["typeof(protected)!='integer'"]
    ),
    "audit": "typeof(sequence)!='integer' OR typeof(event)!='text' OR typeof(hash)!='text'",
    "seal": "typeof(store)!='text' OR typeof(value)!='text' OR typeof(sequence)!='integer'",
}
"""Rows that hold a value of a type that acorn never writes there (SQLite itself takes any), as conditions."""


def is_own(name: object, sql: object) -> bool:
    """Whether a part of a file is one of a ledger's, to the word; spaces aside."""
    if sql is None:
        return str(name).startswith("sqlite_autoindex_")
    return " ".join(str(sql).split()) == _PLAIN.get(str(name))


_PLAIN: Final = {name: " ".join(sql.split()) for name, sql in PARTS.items()}
