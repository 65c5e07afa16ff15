"""a rung that repeats rests while its subject's own facts forbid it: the agenda keeps which"""

from alembic import op
import sqlalchemy as sa


revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

BEFORE = 'when to look next; due_at NULL: nothing ahead; set_aside: why a row is not looked at any more'


def upgrade() -> None:
    op.add_column('agenda', sa.Column('resting', sa.Text()))
    _say(f'{BEFORE}; resting: the rungs that the last look left at rest')


def downgrade() -> None:
    op.drop_column('agenda', 'resting')
    _say(BEFORE)


def _say(comment: str) -> None:
    if op.get_bind().dialect.name == 'postgresql':  # SQLite keeps none
        op.create_table_comment('agenda', comment)
