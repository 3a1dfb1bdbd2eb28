/** Order, paging, selections and aggregations. */
import { callOf } from '../arguments.js'
import type { Args, Call, Column, ModelName, Row, Section } from '../cell.js'
import { filtering, row } from './filters.js'

const reading = filtering.filter(({ title }) =>
  ['findUnique', 'findFirst', 'findMany', 'count', 'aggregate', 'groupBy'].includes(title),
)

const top = (clause: string, model: ModelName, parts: Args, where?: Args) =>
  row(clause, model, { top: parts, ...(where ? { where } : {}) })

export const order: Section = {
  title: 'Order and pages',
  text: 'Ciphertext has no order that means anything, so nothing is ordered or made distinct by it.',
  columns: reading,
  rows: [
    top('`orderBy` a plain field', 'Account', { orderBy: { label: 'desc' } }, { label: { not: 'b' } }),
    top('`orderBy` an encrypted field', 'Account', { orderBy: { phone: 'asc' } }),
    top('`orderBy` an encrypted field, in a list', 'Account', { orderBy: [{ id: 'asc' }, { phone: 'asc' }] }),
    top('`orderBy` a plain field of a relation', 'Account', {
      orderBy: [{ org: { name: 'desc' } }, { id: 'asc' }],
    }),
    top('`orderBy` an encrypted field of a relation', 'Account', { orderBy: { owner: { name: 'asc' } } }),
    top('`orderBy` the count of a relation', 'Account', {
      orderBy: [{ referrals: { _count: 'desc' } }, { id: 'asc' }],
    }),
    top('`distinct` a plain field', 'Account', { distinct: ['label'] }),
    top('`distinct` an encrypted field', 'Account', { distinct: ['phone'] }),
    top(
      '`take`, `skip`',
      'Account',
      { take: 1, skip: 1, orderBy: { label: 'asc' } },
      { label: { not: 'b' } },
    ),
    top('`take`, `skip` with a full index in `where`', 'Account', { take: 1, skip: 1 }, { phone: '111' }),
    top('`cursor` by a plain field', 'Account', { cursor: { id: 2 }, orderBy: { id: 'asc' } }),
    top('`cursor` by an encrypted unique field', 'Account', {
      cursor: { email: 'bob@x.org' },
      orderBy: { id: 'asc' },
    }),
    top('`cursor` with a filter on a field without an index', 'User', {
      cursor: { id: 1, email: 'ada@x.org' },
      orderBy: { id: 'asc' },
    }),
  ],
}

const returning: readonly Column[] = [
  ...filtering.filter(({ title }) => title.startsWith('find')),
  { title: 'create', operations: ['create'] },
  { title: 'createManyAndReturn', operations: ['createManyAndReturn'] },
  { title: 'update', operations: ['update'] },
  { title: 'updateManyAndReturn', operations: ['updateManyAndReturn'] },
  { title: 'upsert', operations: ['upsert'] },
  { title: 'delete', operations: ['delete'] },
]

export const selections: Section = {
  title: 'Selections',
  text: 'Opened values come back; what opening needs is read besides and taken out again.',
  columns: returning,
  rows: [
    top('nothing selected: all columns', 'User', {}),
    top('`select` encrypted fields', 'User', { select: { email: true, phone: true } }),
    top('`select` plain fields', 'User', { select: { id: true, nickname: true } }),
    { ...top('`select: {}`', 'User', { select: {} }), never: true },
    top('`include` a plain relation', 'User', { include: { org: true } }),
    top('`include` an encrypted relation', 'Account', { include: { owner: true } }),
    top('`select` in relations, two levels', 'Account', {
      select: { phone: true, owner: { select: { name: true, org: { select: { name: true } } } } },
    }),
    top('a list with `where` by an index, `orderBy`, `take`', 'User', {
      include: { accounts: { where: { phone: { in: ['111', '222'] } }, orderBy: { id: 'desc' }, take: 1 } },
    }),
    top('a list with `cursor` by an encrypted unique field', 'User', {
      select: {
        accounts: { cursor: { email: 'bob@x.org' }, orderBy: { id: 'asc' }, select: { label: true } },
      },
    }),
    top('a list with `where` on a field without an index', 'User', {
      include: { posts: { where: { body: 'one' } } },
    }),
    top('a list with `orderBy` an encrypted field', 'User', {
      include: { posts: { orderBy: { body: 'asc' } } },
    }),
    top('a list with `distinct` an encrypted field', 'User', { include: { posts: { distinct: ['body'] } } }),
    top('`omit` encrypted fields', 'User', { omit: { name: true, email: true } }),
    top('`omit` the id', 'User', { omit: { id: true } }),
    top('`_count` of relations', 'User', {
      include: { _count: { select: { posts: true, accounts: true } } },
    }),
    top('`_count` with `where` by an index', 'User', {
      select: { _count: { select: { accounts: { where: { phone: '111' } } } } },
    }),
    top('`_count` with `where` without an index', 'User', {
      select: { _count: { select: { posts: { where: { body: 'one' } } } } },
    }),
    {
      ...top('`select` and `include` together', 'User', { select: { id: true }, include: { org: true } }),
      never: true,
    },
  ],
}

const aggregate = (clause: string, calls: Partial<Record<'count' | 'aggregate' | 'groupBy', Args>>): Row => ({
  clause,
  call: ({ operations: [operation = ''] }): Call | null => {
    const args = calls[operation as keyof typeof calls]
    return args ? { ...(callOf('Account', operation, {}) as Call), args } : null
  },
})

const group = { by: ['label'], orderBy: { label: 'asc' } }

export const aggregations: Section = {
  title: 'Aggregations and groups',
  text: 'Counting is fine; comparing and grouping ciphertext is not.',
  columns: filtering.filter(({ title }) => ['count', 'aggregate', 'groupBy'].includes(title)),
  rows: [
    aggregate('count all', {
      count: {},
      aggregate: { _count: true },
      groupBy: { ...group, _count: true },
    }),
    aggregate('count an encrypted field (its values that are not null)', {
      count: { select: { phone: true, _all: true } },
      aggregate: { _count: { phone: true } },
      groupBy: { ...group, _count: { phone: true } },
    }),
    aggregate('`_min`, `_max` of plain fields', {
      aggregate: { _min: { id: true }, _max: { label: true } },
      groupBy: { ...group, _min: { id: true } },
    }),
    aggregate('`_min` of an encrypted field', {
      aggregate: { _min: { phone: true } },
      groupBy: { ...group, _min: { phone: true } },
    }),
    aggregate('`_max` of an encrypted field', {
      aggregate: { _max: { phone: true } },
      groupBy: { ...group, _max: { phone: true } },
    }),
    aggregate('`_avg`, `_sum` of plain fields', {
      aggregate: { _sum: { ownerId: true }, _avg: { ownerId: true } },
      groupBy: { ...group, _sum: { ownerId: true } },
    }),
    aggregate('`by` an encrypted field', {
      groupBy: { by: ['phone'], _count: true, orderBy: { phone: 'asc' } },
    }),
    aggregate('`having` a plain field', {
      groupBy: { ...group, _count: true, having: { label: { not: 'd' } } },
    }),
    aggregate('`having` an encrypted field', {
      groupBy: { ...group, having: { phone: { _min: { gt: '0' } } } },
    }),
    aggregate('`having` the count of an encrypted field', {
      groupBy: { ...group, having: { phone: { _count: { gt: 0 } } } },
    }),
    aggregate('`orderBy` the count of an encrypted field', {
      groupBy: { by: ['label'], orderBy: [{ _count: { phone: 'desc' } }, { label: 'asc' }] },
    }),
    aggregate('`orderBy` the `_max` of an encrypted field', {
      groupBy: { by: ['label'], orderBy: { _max: { phone: 'asc' } } },
    }),
  ],
}
