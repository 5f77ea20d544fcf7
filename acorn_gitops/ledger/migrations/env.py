"""Alembic's entry: one SQLite file, one transaction."""

from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(f"sqlite:///{context.config.attributes['path']}", poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
