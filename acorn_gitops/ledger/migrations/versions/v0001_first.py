"""The first shape of the ledger."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID""",
    """INSERT INTO meta VALUES ('serial', 0)""",
    """CREATE TABLE resource (
      store TEXT NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, attributes BLOB NOT NULL,
      adopted INTEGER NOT NULL, remote_id TEXT NOT NULL, plan TEXT NOT NULL, commit_id TEXT NOT NULL,
      applied_at TEXT NOT NULL, origin TEXT NOT NULL, protected INTEGER NOT NULL, PRIMARY KEY (store, type, key)
    ) WITHOUT ROWID""",
    """CREATE TABLE plan (
      id TEXT PRIMARY KEY, status TEXT NOT NULL, at TEXT NOT NULL, actor TEXT NOT NULL, commit_id TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE intent (
      id INTEGER PRIMARY KEY, plan TEXT NOT NULL, store TEXT NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL,
      action TEXT NOT NULL, operation TEXT NOT NULL, idempotency_key TEXT NOT NULL, attributes BLOB, declared BLOB,
      origin TEXT NOT NULL, remote_id TEXT NOT NULL, protected INTEGER NOT NULL, at TEXT NOT NULL, outcome TEXT, message TEXT
    )""",
    """CREATE INDEX intent_plan ON intent (plan)""",
    """CREATE INDEX intent_address ON intent (store, type, key)""",
    """CREATE TABLE audit (
      sequence INTEGER PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, event TEXT NOT NULL, body BLOB NOT NULL,
      previous TEXT NOT NULL, hash TEXT NOT NULL
    )""",
    """CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'history is append-only'); END""",
    """CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'history is append-only'); END""",
    """PRAGMA user_version=1""",
)


def upgrade() -> None:
    """Create every table."""
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    """There is nothing before the first shape."""
    raise RuntimeError("the first shape has nothing before it")
