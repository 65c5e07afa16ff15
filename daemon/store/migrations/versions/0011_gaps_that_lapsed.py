"""the morning note tells of a line that reached nobody until it was too late"""

from alembic import op
import sqlalchemy as sa


revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("closed_for IN ('lapsed', 'deadline_passed')")
    op.create_index(
        'ix_unaddressed_lapsed', 'unaddressed', ['since'], sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    op.drop_index('ix_unaddressed_lapsed', table_name='unaddressed')
