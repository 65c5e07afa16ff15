"""how often a delivery was given back, and when it was set aside for it"""

from alembic import op
import sqlalchemy as sa
import daemon.store.tables


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.add_column(sa.Column('given_back', sa.Integer(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('set_aside_at', daemon.store.tables.Instant(), nullable=True))
        batch_op.create_index('ix_deliveries_set_aside', ['set_aside_at'], unique=False, sqlite_where=sa.text('set_aside_at IS NOT NULL'), postgresql_where=sa.text('set_aside_at IS NOT NULL'))


def downgrade() -> None:
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.drop_index('ix_deliveries_set_aside')
        batch_op.drop_column('set_aside_at')
        batch_op.drop_column('given_back')
