"""what the morning note tells of is found by an index: each tick asks for the first of it"""

from alembic import op
import sqlalchemy as sa


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

INDEXES = (
    ('ix_decisions_lapsed', 'decisions', 'decided_at', "outcome = 'lapsed'"),
    ('ix_decisions_muted', 'decisions', 'decided_at', "outcome = 'muted'"),
    ('ix_notices_manual', 'notices', 'sent_at', "state = 'manual'"),
    ('ix_notices_failed', 'notices', 'ended_at', "state = 'failed'"),
)


def upgrade() -> None:
    for name, table, column, where in INDEXES:
        op.create_index(
            name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )


def downgrade() -> None:
    for name, table, _, _ in INDEXES:
        op.drop_index(name, table_name=table)
