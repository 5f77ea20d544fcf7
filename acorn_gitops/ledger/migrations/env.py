"""Alembic's entry: one SQLite file, one transaction."""

import sqlite3

from alembic import context
from sqlalchemy import Connection, create_engine, event, pool


def _connect() -> sqlite3.Connection:
    """The file that was checked, by its path: in an address `%2e` and `?` would lead to another one. Python's
    driver begins no transaction before statements that make tables: each would be one, and reach the disk."""
    return sqlite3.connect(context.config.attributes["path"], isolation_level=None)


engine = create_engine("sqlite://", creator=_connect, poolclass=pool.NullPool)


@event.listens_for(engine, "begin")
def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.connect() as connection:
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
