"""What was applied: the memory that makes three-way comparison, attribution and recovery possible.

`protocol` says what a ledger is, `conformance` whether a backend is one; `sqlite` keeps one environment's in
a file, `audit` chains its history, `migrations` (alembic) change its shape, `lock` lets one applier in.
Losing the file loses no resource: `state rebuild` makes it again from specs and live state.
"""
