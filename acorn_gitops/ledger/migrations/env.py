"""Alembic's entry: one SQLite file, one transaction."""

import sqlite3

from alembic import context
from sqlalchemy import Connection, create_engine, event, pool

engine = create_engine(f"sqlite:///{context.config.attributes['path']}", poolclass=pool.NullPool)


@event.listens_for(engine, "connect")
def _leave_transactions_to_us(connection: sqlite3.Connection, record: object) -> None:
    """Python's driver begins none before statements that make tables: each would be one, and reach the disk."""
    connection.isolation_level = None


@event.listens_for(engine, "begin")
def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.connect() as connection:
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
