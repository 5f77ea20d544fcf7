"""The first shape of the ledger."""

from alembic import op

from acorn_gitops.ledger.shape import FIRST

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (*FIRST.values(), "INSERT INTO meta VALUES ('serial', 0)", "PRAGMA user_version=1")


def upgrade() -> None:
    """Create every table."""
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    """There is nothing before the first shape."""
    raise RuntimeError("the first shape has nothing before it")
