"""Changes of the ledger's shape, run by alembic. Caller: `ledger.open_ledger` for writing."""
