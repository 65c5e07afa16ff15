"""budgets: on which day a message burdened whom; mutes"""

from alembic import op
import sqlalchemy as sa
import daemon.store.tables


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.add_column('items', sa.Column('held_until', daemon.store.tables.Instant(), nullable=True))
    op.add_column('deliveries', sa.Column('person_id', _ID, nullable=True))
    op.add_column('deliveries', sa.Column('counted_on', sa.Date(), nullable=True))
    op.add_column('deliveries', sa.Column('over_on', sa.Date(), nullable=True))
    _partial_index('ix_deliveries_counted', ['person_id', 'channel', 'counted_on'], 'counted_on IS NOT NULL')
    _partial_index('ix_deliveries_over', ['over_on'], 'over_on IS NOT NULL')
    op.create_table('mutes',
    sa.Column('id', _ID, nullable=False),
    sa.Column('ladder', sa.String(), nullable=True),
    sa.Column('unit_id', _ID, nullable=True),
    sa.Column('case_id', _ID, nullable=True),
    sa.Column('person_id', _ID, nullable=True),
    sa.Column('since', daemon.store.tables.Instant(), nullable=False),
    sa.Column('until', daemon.store.tables.Instant(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('recorded_at', daemon.store.tables.Instant(), nullable=False),
    sa.Column('ended_at', daemon.store.tables.Instant(), nullable=True),
    sa.Column('ended_by', sa.String(), nullable=True),
    sa.Column('ended_why', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_mutes_case_id')),
    sa.ForeignKeyConstraint(['person_id'], ['persons.id'], name=op.f('fk_mutes_person_id')),
    sa.ForeignKeyConstraint(['unit_id'], ['units.id'], name=op.f('fk_mutes_unit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mutes')),
    comment='one ladder, unit, case or person silenced for a time; ended_at: before its time'
    )
    op.create_index('ix_mutes_until', 'mutes', ['until'], unique=False)


def _partial_index(name: str, columns: list[str], where: str) -> None:
    op.create_index(
        name, 'deliveries', columns, unique=False, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )


def downgrade() -> None:
    op.drop_table('mutes')
    op.drop_index('ix_deliveries_over', 'deliveries')
    op.drop_index('ix_deliveries_counted', 'deliveries')
    for column in ('over_on', 'counted_on', 'person_id'):
        op.drop_column('deliveries', column)
    op.drop_column('items', 'held_until')
