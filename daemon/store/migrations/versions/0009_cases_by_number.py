"""a case is found by its number whatever its campaign: an index, or every event would walk over all cases"""

from alembic import op


revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_cases_no', 'cases', ['no'])


def downgrade() -> None:
    op.drop_index('ix_cases_no', table_name='cases')
