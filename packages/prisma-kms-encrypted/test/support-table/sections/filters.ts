/** `where`, on encrypted fields without an index, with one, and through relations. */
import { Prisma } from '../../generated/prisma/client.js'
import type { Args, Column, ModelName, Row, Section } from '../cell.js'
import { callOf, type Clause } from '../arguments.js'
import { fieldReference } from '../field-reference.js'

/** The operations that take a filter. */
export const filtering: readonly Column[] = [
  { title: 'findUnique', operations: ['findUnique', 'findUniqueOrThrow'] },
  { title: 'findFirst', operations: ['findFirst', 'findFirstOrThrow'] },
  { title: 'findMany', operations: ['findMany'] },
  { title: 'update', operations: ['update'] },
  { title: 'updateMany', operations: ['updateMany', 'updateManyAndReturn'] },
  { title: 'upsert', operations: ['upsert'] },
  { title: 'delete', operations: ['delete'] },
  { title: 'deleteMany', operations: ['deleteMany'] },
  { title: 'count', operations: ['count'] },
  { title: 'aggregate', operations: ['aggregate'] },
  { title: 'groupBy', operations: ['groupBy'] },
]

/** A row whose clause goes to every operation that has a place for it. */
export function row(clause: string, model: ModelName, parts: Clause | (() => Clause)): Row {
  return {
    clause,
    call: ({ operations: [operation = ''], side }) =>
      callOf(model, operation, typeof parts === 'function' ? parts() : parts, side),
  }
}

const where = (clause: string, model: ModelName, filter: Args, id = 1) =>
  row(clause, model, { where: filter, id })

export const withoutIndex: Section = {
  title: 'Filters on an encrypted field without a blind index',
  text: 'In `where`, at any depth of `AND`, `OR` and `NOT`.',
  columns: filtering,
  rows: [
    where('`{ email: null }`, `{ email: { equals: null } }`', 'User', { email: null }, 2),
    where('`{ email: { not: null } }`', 'User', { email: { not: null } }),
    where('`{ NOT: { email: null } }`', 'User', { NOT: { email: null } }),
    where('`{ email: undefined }`', 'User', { email: undefined }),
    where("`{ email: '…' }`, `equals`", 'User', { email: 'ada@x.org' }),
    where('`in`', 'User', { email: { in: ['ada@x.org'] } }),
    where('`notIn`', 'User', { email: { notIn: ['x'] } }),
    where('`not`', 'User', { email: { not: 'x' } }),
    where('`contains`, `startsWith`, `endsWith`', 'User', { email: { contains: 'ada' } }),
    where('`lt`, `lte`, `gt`, `gte`', 'User', { email: { gt: 'a' } }),
    where("`mode: 'insensitive'`", 'User', { email: { equals: 'ADA@x.org', mode: 'insensitive' } }),
    where('a value in `OR`', 'User', { OR: [{ email: 'ada@x.org' }, { id: 2 }] }),
    where('Json: `{ notes: Prisma.DbNull }`', 'User', { notes: { equals: Prisma.DbNull } }, 2),
    where('Json: `JsonNull`, `AnyNull`', 'User', { notes: { equals: Prisma.JsonNull } }, 3),
    where('Json: `equals`', 'User', { notes: { equals: { a: 1 } } }),
    where('Json: `path`', 'User', { notes: { path: ['a'], equals: 1 } }),
    row('a field reference to an encrypted field', 'User', () => ({
      where: { nickname: { equals: fieldReference('User', 'email') } },
    })),
    row('a field reference to a plain field', 'User', () => ({
      where: { nickname: { equals: fieldReference('User', 'nickname') } },
    })),
    where('plain fields beside encrypted ones', 'User', { nickname: 'a', role: 'MEMBER' }),
  ],
}

export const withIndex: Section = {
  title: 'Filters on an encrypted field with a full blind index',
  text: 'The search finds equal values after normalisation.',
  columns: filtering,
  rows: [
    where("`{ phone: '…' }`, `equals`", 'Account', { phone: '111' }),
    where('`in`', 'Account', { phone: { in: ['111', '999'] } }),
    where('`notIn`', 'Account', { phone: { notIn: ['222'] } }),
    where('`not`', 'Account', { phone: { not: '222' } }),
    where('`not: { in }`', 'Account', { phone: { not: { in: ['222'] } } }),
    where('`null`', 'Account', { phone: null }, 3),
    where('`not: null`', 'Account', { phone: { not: null } }),
    where('several operators', 'Account', { phone: { not: null, in: ['111', '222'] } }),
    where('`AND`', 'Account', { AND: [{ phone: '111' }, { label: 'a' }] }),
    where('`OR`', 'Account', { OR: [{ phone: '111' }, { label: 'b' }] }),
    where('`NOT`', 'Account', { NOT: { phone: '222' } }),
    where('`contains`, `startsWith`, `endsWith`', 'Account', { phone: { contains: '1' } }),
    where('`lt`, `lte`, `gt`, `gte`', 'Account', { phone: { gt: '0' } }),
    where("`mode: 'insensitive'`", 'Account', { phone: { equals: '111', mode: 'insensitive' } }),
    row('a field reference to the encrypted field', 'Account', () => ({
      where: { label: { equals: fieldReference('Account', 'phone') } },
    })),
    row('a field reference in a comparison of the encrypted field', 'Account', () => ({
      where: { phone: { equals: fieldReference('Account', 'label') } },
    })),
  ],
}

export const withTruncatedIndex: Section = {
  title: 'Filters on an encrypted field with a truncated blind index',
  text: 'A truncated index (`bits`) also finds other values, which are taken out of the result after opening it. So it serves only where every row comes back.',
  columns: filtering,
  rows: [
    where("`{ city: '…' }`, `equals`", 'Account', { city: 'paris' }),
    where('`in`', 'Account', { city: { in: ['paris', 'oslo'] } }),
    where('`null`, `not: null`', 'Account', { city: null }, 3),
    where('`not`, `notIn`', 'Account', { city: { not: 'rome' } }),
    where('in `AND`', 'Account', { AND: [{ city: 'paris' }, { label: 'a' }] }),
    where('in `OR`, `NOT`', 'Account', { OR: [{ city: 'paris' }, { label: 'b' }] }),
    row('with `take`, `skip`, `cursor`, `distinct`', 'Account', {
      where: { city: 'paris' },
      top: { take: 1 },
    }),
  ],
}

export const uniqueCriteria: Section = {
  title: 'Unique criteria that are encrypted',
  text: 'Through a unique blind index.',
  columns: filtering.filter(({ title }) => ['findUnique', 'update', 'upsert', 'delete'].includes(title)),
  rows: [
    row("`{ email: '…' }`", 'Account', { unique: { email: 'ada@x.org' } }),
    row("`{ email: '…', phone: '…' }`", 'Account', { unique: { email: 'ada@x.org', phone: '111' } }),
    row("`{ orgId_taxId: { orgId: 1, taxId: '…' } }`", 'Account', {
      unique: { orgId_taxId: { orgId: 1, taxId: 'T1' } },
    }),
    row('an index with `verify: false`', 'Account', { unique: { badge: 'B1' } }),
  ],
}

export const throughRelations: Section = {
  title: 'Filters through relations',
  text: 'The related records may be of the same model, of another encrypted one, or plain ones between them.',
  columns: filtering,
  rows: [
    where('`some`, with an index', 'Account', { referrals: { some: { email: 'bob@x.org' } } }),
    where('`every`, with an index', 'Account', { referrals: { every: { email: { not: 'x' } } } }, 2),
    where('`none`, with an index', 'Account', { referrals: { none: { phone: '222' } } }, 2),
    where('`is`, with an index', 'Account', { referrer: { is: { phone: '111' } } }, 2),
    where('`isNot`, with an index', 'Account', { referrer: { isNot: { phone: '222' } } }),
    where('without `is`, with an index', 'Account', { referrer: { phone: '111' } }, 2),
    where('two levels, with an index', 'Account', { org: { is: { accounts: { some: { taxId: 'T2' } } } } }),
    where('with a truncated index', 'Account', { referrals: { some: { city: 'rome' } } }),
    where('without an index, compared with `null`', 'Account', { owner: { is: { email: { not: null } } } }),
    where('without an index, any other comparison', 'Account', { owner: { is: { name: 'Ada' } } }),
    where('`is: null`, `isNot: null`', 'Account', { referrer: { is: null } }),
  ],
}
