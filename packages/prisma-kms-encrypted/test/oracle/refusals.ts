/** Calls that the library documents to refuse (docs/operations.md), each with the code that it must answer, writing nothing. */
import fc from 'fast-check'
import type { CallDescription, FreshPlaceholder, IdPlaceholder } from './descriptions.js'
import type { ModelName } from './fixture-models.js'

const text: FreshPlaceholder = { $fresh: 'text' }
const string = { $secret: 'string', style: 0 } as const
const id = (model: ModelName, index = 0): IdPlaceholder => ({ $id: model, index })
const row = (model: ModelName, index = 0) => ({ $where: model, index })

function refused(model: ModelName, operation: string, refusal: string, args: object): CallDescription {
  return { model, operation, args, refusal }
}

const filters = [
  refused('User', 'findMany', 'ENCRYPTED_FILTER', { where: { email: string } }),
  refused('User', 'findMany', 'ENCRYPTED_FILTER', {
    where: { OR: [{ id: 1 }, { email: { contains: 'a' } }] },
  }),
  refused('User', 'findFirst', 'ENCRYPTED_FILTER', { where: { name: { in: [string] } } }),
  refused('User', 'count', 'ENCRYPTED_FILTER', { where: { NOT: { phone: { not: string } } } }),
  refused('User', 'findMany', 'ENCRYPTED_FILTER', { where: { notes: { path: ['a'], equals: 1 } } }),
  refused('User', 'findMany', 'ENCRYPTED_FILTER', { where: { notes: { equals: { $null: 'JsonNull' } } } }),
  refused('Org', 'findMany', 'ENCRYPTED_FILTER', { where: { users: { some: { email: string } } } }),
  refused('Post', 'findMany', 'ENCRYPTED_FILTER', { where: { author: { is: { name: string } } } }),
  refused('Post', 'findMany', 'ENCRYPTED_FILTER', { include: { comments: { where: { text: string } } } }),
  refused('Org', 'findMany', 'ENCRYPTED_FILTER', {
    select: { _count: { select: { users: { where: { email: string } } } } },
  }),
  refused('User', 'update', 'ENCRYPTED_FILTER', {
    where: row('User'),
    data: { posts: { deleteMany: { body: string } } },
  }),
  refused('User', 'delete', 'ENCRYPTED_FILTER', { where: { ...row('User'), also: { email: string } } }),
  refused('Comment', 'deleteMany', 'ENCRYPTED_FILTER', { where: { text: string } }),
  refused('AuditEntry', 'updateMany', 'ENCRYPTED_FILTER', {
    where: { detail: string },
    data: { action: text },
  }),
]

const searches = [
  refused('Account', 'findMany', 'ENCRYPTED_FILTER', { where: { email: { contains: 'a' } } }),
  refused('Account', 'findMany', 'ENCRYPTED_FILTER', {
    where: { email: { equals: 'a', mode: 'insensitive' } },
  }),
  refused('Account', 'findMany', 'ENCRYPTED_FILTER', { where: { phone: { gt: '1' } } }),
  refused('Account', 'findMany', 'ENCRYPTED_FILTER', { where: { city: { not: 'a' } } }),
  refused('Account', 'findMany', 'ENCRYPTED_FILTER', { where: { city: { notIn: ['a'] } } }),
  refused('Account', 'findMany', 'ENCRYPTED_FILTER', { where: { city: 'a' }, take: 1 }),
  refused('Account', 'findFirst', 'ENCRYPTED_FILTER', { where: { city: 'a' } }),
  refused('Account', 'count', 'ENCRYPTED_FILTER', { where: { city: 'a' } }),
  refused('Account', 'deleteMany', 'ENCRYPTED_FILTER', { where: { city: 'a' } }),
  refused('User', 'findMany', 'ENCRYPTED_FILTER', { where: { accounts: { some: { city: 'a' } } } }),
  refused('Account', 'findMany', 'ENCRYPTED_ORDER', { orderBy: { email: 'asc' } }),
  refused('Account', 'create', 'MANAGED_COLUMN', { data: { label: text, emailBidx: 'a' } }),
  refused('User', 'update', 'MANAGED_COLUMN', {
    where: row('User'),
    data: { accounts: { create: { label: text, badgeBidx: 'a' } } },
  }),
]

const orders = [
  refused('User', 'findMany', 'ENCRYPTED_ORDER', { orderBy: { email: 'asc' } }),
  refused('Post', 'findMany', 'ENCRYPTED_ORDER', {
    orderBy: [{ title: 'asc' }, { author: { name: 'desc' } }],
  }),
  refused('User', 'findMany', 'ENCRYPTED_ORDER', { distinct: ['email'] }),
  refused('User', 'findMany', 'ENCRYPTED_ORDER', {
    include: { posts: { orderBy: { body: { sort: 'asc', nulls: 'last' } } } },
  }),
  refused('User', 'aggregate', 'ENCRYPTED_ORDER', { _min: { email: true } }),
  refused('User', 'groupBy', 'ENCRYPTED_ORDER', { by: ['email'], _count: true }),
]

const writes = [
  refused('User', 'create', 'MANAGED_COLUMN', {
    data: { nickname: text, name: string, encryptedKmsKey: 'v1:AAAA' },
  }),
  refused('User', 'update', 'MANAGED_COLUMN', { where: row('User'), data: { encryptedKmsKeyPhone: null } }),
  refused('User', 'update', 'MANAGED_COLUMN', {
    where: row('User'),
    data: { posts: { create: { title: text, encryptedKmsKey: 'v1:AAAA' } } },
  }),
  refused('Comment', 'createMany', 'MANAGED_COLUMN', {
    data: [{ likes: { $fresh: 'int' }, text: string, postId: id('Post'), encryptedKmsKey: null }],
  }),
  refused('Org', 'update', 'MANAGED_COLUMN', {
    where: row('Org'),
    data: { users: { updateMany: { where: {}, data: { encryptedKmsKey: 'v1:AAAA' } } } },
  }),
  refused('User', 'update', 'CONTEXT_COLUMN_IMMUTABLE', { where: row('User'), data: { id: 77 } }),
  refused('Device', 'update', 'CONTEXT_COLUMN_IMMUTABLE', {
    where: row('Device'),
    data: { id: { set: { $fresh: 'uuid' } } },
  }),
  refused('Membership', 'updateMany', 'CONTEXT_COLUMN_IMMUTABLE', { where: {}, data: { orgId: 1 } }),
  refused('Org', 'update', 'CONTEXT_COLUMN_IMMUTABLE', {
    where: row('Org'),
    data: { members: { updateMany: { where: {}, data: { userNo: 77 } } } },
  }),
  refused('User', 'create', 'INVALID_VALUE', { data: { nickname: text, name: `\ud800` } }),
  refused('Post', 'create', 'INVALID_VALUE', {
    data: { title: text, author: { create: { nickname: text, name: string, email: `a\udc00` } } },
  }),
  refused('User', 'create', 'INVALID_VALUE', {
    data: { nickname: text, name: string, notes: { list: [undefined] } },
  }),
  refused('Profile', 'create', 'VALUE_TOO_LONG', {
    data: { website: text, bio: string, headline: 'x'.repeat(103), userId: id('User') },
  }),
]

/** All of them, for a test of their own. */
export const allRefusals: readonly CallDescription[] = [...filters, ...searches, ...orders, ...writes]

/** One of the documented refusals. */
export const refusedCall: fc.Arbitrary<CallDescription> = fc.constantFrom(...allRefusals)
