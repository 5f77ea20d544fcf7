"""What was applied: the memory that makes three-way comparison, attribution and recovery possible.

`ledger` reads and writes one environment's SQLite file, `audit` chains its history, `migrations` (alembic)
change its shape, `lock` lets one applier in. Losing the file loses no resource: `state rebuild` makes it again
from specs and live state.
"""
