"""rehearsal and floods"""

from alembic import op
import sqlalchemy as sa


revision = '0003'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('notices', schema=None) as batch_op:
        batch_op.add_column(sa.Column('rehearsal', sa.Boolean(), server_default=sa.text('false'), nullable=False))
        batch_op.create_index('ix_notices_created', ['created_at'], unique=False)
        batch_op.create_index('ix_notices_held', ['created_at'], unique=False, sqlite_where=sa.text("state = 'held'"), postgresql_where=sa.text("state = 'held'"))


def downgrade() -> None:
    with op.batch_alter_table('notices', schema=None) as batch_op:
        batch_op.drop_index('ix_notices_held', sqlite_where=sa.text("state = 'held'"), postgresql_where=sa.text("state = 'held'"))
        batch_op.drop_index('ix_notices_created')
        batch_op.drop_column('rehearsal')
