"""what the morning note tells of is found by an index: each tick asks for the first of it"""

from alembic import op
import sqlalchemy as sa


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

UNBOUND = "state = 'open' AND notice_id IS NULL"
INDEXES = (
    ('ix_decisions_lapsed', 'decisions', 'decided_at', "outcome = 'lapsed'"),
    ('ix_decisions_muted', 'decisions', 'decided_at', "outcome = 'muted'"),
    ('ix_notices_manual', 'notices', 'sent_at', "state = 'manual'"),
    ('ix_notices_failed', 'notices', 'ended_at', "state = 'failed'"),
    ('ix_items_dropped', 'items', 'closed_at', "state = 'dropped'"),
)


def upgrade() -> None:
    for name, table, column, where in INDEXES:
        op.create_index(
            name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
    # SQLite took it for any question about a state, and read all items that were ever said.
    op.drop_index('ix_items_closed', table_name='items')
    _index_unbound('notice_id', 'held_until')


def _index_unbound(*columns):
    op.drop_index('ix_items_unbound', table_name='items')
    where = sa.text(UNBOUND)
    op.create_index(
        'ix_items_unbound', 'items', list(columns), sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    for name, table, _, _ in INDEXES:
        op.drop_index(name, table_name=table)
    op.create_index('ix_items_closed', 'items', ['state', 'closed_at'])
    _index_unbound('opened_at')
