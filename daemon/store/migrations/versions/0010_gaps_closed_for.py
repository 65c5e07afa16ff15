"""a gap keeps what it was closed for, and whether an undo reopened it since it was last tried"""

from alembic import op
import sqlalchemy as sa


revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

COMMENT = (
    'lines that reached nobody; closed_for: the reason why there was nothing to say, or reached; '
    'reopened_at: when an undo reopened it, until it has been tried'
)


def upgrade() -> None:
    op.add_column('unaddressed', sa.Column('closed_for', sa.String()))
    op.add_column('unaddressed', sa.Column('reopened_at', sa.BigInteger()))
    where = sa.text('reopened_at IS NOT NULL')
    op.create_index(
        'ix_unaddressed_reopened', 'unaddressed', ['reopened_at'], sqlite_where=where, postgresql_where=where
    )
    if _keeps_comments():
        op.create_table_comment('unaddressed', COMMENT)


def downgrade() -> None:
    op.drop_index('ix_unaddressed_reopened', table_name='unaddressed')
    op.drop_column('unaddressed', 'reopened_at')
    op.drop_column('unaddressed', 'closed_for')
    if _keeps_comments():
        op.drop_table_comment('unaddressed')


def _keeps_comments() -> bool:
    return op.get_bind().dialect.name == 'postgresql'  # SQLite keeps none
