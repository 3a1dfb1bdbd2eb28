/** Data of root records, and the places that an operation can run in. */
import { Prisma } from '../../generated/prisma/client.js'
import { callOf } from '../arguments.js'
import type { Args, Call, Column, ModelName, Row, Section } from '../cell.js'

/** A clause of `createMany`, `updateMany` and what returns their records. */
function many(clause: string, calls: Partial<Record<'createMany' | 'updateMany', Args>>): Row {
  return {
    clause,
    call: ({ operations: [operation = ''] }): Call | null => {
      const args = calls[operation.replace('AndReturn', '') as keyof typeof calls]
      return args ? { model: 'Account', operation, args } : null
    },
  }
}

const writers: readonly Column[] = [
  { title: 'create', operations: ['create'] },
  { title: 'createMany', operations: ['createMany', 'createManyAndReturn'] },
  { title: 'update', operations: ['update'] },
  { title: 'updateMany', operations: ['updateMany', 'updateManyAndReturn'] },
  { title: 'upsert: create', operations: ['upsert'], side: 'create' },
  { title: 'upsert: update', operations: ['upsert'], side: 'update' },
]

function data(clause: string, model: ModelName, values: Args, twin?: null, id = 1): Row {
  return {
    clause,
    call: ({ operations: [operation = ''], side }) =>
      callOf(model, operation, { data: values, id, ...(twin === null ? { twin } : {}) }, side),
  }
}

export const rootData: Section = {
  title: 'Data',
  text: 'Values of the record itself. Those of nested records follow the same rules.',
  columns: writers,
  rows: [
    data('plain fields only', 'User', { nickname: 'n' }),
    data('encrypted fields, of several keys', 'User', { email: 'e', phone: '2', name: 'N' }),
    data('`{ set: value }`', 'User', { email: { set: 'e' } }),
    data('`null`', 'User', { email: null }),
    data('`{ set: null }`', 'User', { email: { set: null } }),
    data('`undefined`', 'User', { email: undefined, nickname: 'n' }),
    data('the empty string', 'User', { email: '' }),
    data('Json: an object, a list, a string, a number, a boolean', 'User', {
      notes: { a: [1, 'x', true, null] },
    }),
    data('Json: `Prisma.DbNull`', 'User', { notes: Prisma.DbNull }),
    data('Json: `Prisma.JsonNull`', 'User', { notes: Prisma.JsonNull }),
    { ...data('Json: `Prisma.AnyNull`', 'User', { notes: Prisma.AnyNull }), never: true },
    data('Bytes', 'User', { avatar: new Uint8Array([0, 1, 255]) }),
    data('text that looks like ciphertext', 'User', { email: 'S0UBAAAA' }),
    data('a lone surrogate, which is no text', 'User', { email: '\ud800' }, null),
    data('`increment` and the like, on plain fields', 'User', { loginCount: { increment: 1 } }),
    data(
      'a value whose ciphertext is longer than its column',
      'User',
      { profile: { create: { bio: 'b', headline: 'x'.repeat(103) } } },
      null,
      2,
    ),
    data('a field with a blind index', 'Account', { phone: '333', city: 'bonn' }),
    data('a field with a unique blind index', 'Account', { email: 'new@x.org' }),
    {
      ...data('the same, with a value that another record has: P2002', 'Account', { email: 'bob@x.org' }),
      error: 'P2002',
    },
    data('`null` for a field with a blind index', 'Account', { email: null, phone: null }),
    data('a key column', 'User', { encryptedKmsKey: 'v1:AAAA' }, null),
    data('an index column', 'Account', { emailBidx: 'x' }, null),
    { ...data('a value of the wrong type', 'User', { email: 5 }), never: true },
    {
      clause: 'a column of the encryption context',
      call: ({ operations: [operation = ''], side }) => {
        const creates = operation.startsWith('create') || side === 'create'
        return callOf('User', operation, { data: { id: 80 }, ...(creates ? {} : { twin: null }) }, side)
      },
    },
    data(
      'relation and foreign key: `org: { connect }`',
      'Account',
      { org: { connect: { id: 2 } } },
      undefined,
      2,
    ),
    data('relation and foreign key: `orgId`', 'Account', { orgId: 2 }, undefined, 2),
    data('nothing: `{}`', 'User', {}),
    many('`skipDuplicates`, by a unique blind index', {
      createMany: {
        data: [
          { id: 90, email: 'bob@x.org' },
          { id: 91, email: 'new@x.org' },
        ],
        skipDuplicates: true,
      },
    }),
    many('`limit`', { updateMany: { where: { id: 1 }, data: { phone: '333' }, limit: 1 } }),
  ],
}

const places: readonly Column[] = [
  { title: 'alone', operations: [], place: 'alone' },
  { title: '$transaction(async tx)', operations: [], place: 'interactive' },
  { title: '$transaction([…])', operations: [], place: 'array' },
  { title: '$transaction([…]) of another client', operations: [], place: 'foreign' },
]

const call = (clause: string, model: ModelName, operation: string, args: Args): Row => ({
  clause,
  call: (): Call => ({ model, operation, args }),
})

const byId = { where: { id: 1 } }

export const placesOfOperations: Section = {
  title: 'Transactions',
  text: 'A batch that was started on another client object sends each operation as one statement; what needs more is refused there. On the extended client every operation works.',
  columns: places,
  rows: [
    call('`findUnique`', 'User', 'findUnique', byId),
    call('`findMany` by an index', 'Account', 'findMany', {
      where: { phone: '111' },
      orderBy: { id: 'asc' },
    }),
    call('`count`', 'User', 'count', {}),
    call('`create`', 'User', 'create', { data: { name: 'x', email: 'y' } }),
    call('`create` with nested records', 'User', 'create', {
      data: { name: 'x', posts: { create: { title: 't', body: 'b' } } },
    }),
    call('`create` with a new record that it points to', 'Post', 'create', {
      data: { title: 't', body: 'b', author: { create: { name: 'x' } } },
    }),
    call('`createMany`, `createManyAndReturn`', 'User', 'createManyAndReturn', {
      data: [{ name: 'x' }, { name: 'y' }],
    }),
    call('`update` of plain fields', 'User', 'update', { ...byId, data: { nickname: 'n' } }),
    call('`update` of encrypted fields', 'User', 'update', { ...byId, data: { email: 'e', phone: '2' } }),
    call('`update` to `null`', 'User', 'update', { ...byId, data: { email: null } }),
    call('`update` with nested new records', 'User', 'update', {
      ...byId,
      data: { posts: { create: { title: 't', body: 'b' } } },
    }),
    call('`update` with nested encrypted updates', 'User', 'update', {
      ...byId,
      data: { profile: { update: { bio: 'b' } } },
    }),
    call('`updateMany` of plain fields', 'User', 'updateMany', { where: {}, data: { nickname: 'n' } }),
    call('`updateMany` of encrypted fields', 'User', 'updateMany', { where: {}, data: { email: 'e' } }),
    call('`updateManyAndReturn` of encrypted fields', 'User', 'updateManyAndReturn', {
      where: {},
      data: { email: 'e' },
    }),
    call('`upsert` that updates plain fields', 'User', 'upsert', {
      ...byId,
      create: { name: 'x' },
      update: { nickname: 'n' },
    }),
    call('`upsert` that updates encrypted fields', 'User', 'upsert', {
      ...byId,
      create: { name: 'x' },
      update: { email: 'e' },
    }),
    call('`upsert` that creates, and would update encrypted fields', 'User', 'upsert', {
      where: { id: 90 },
      create: { id: 90, name: 'x' },
      update: { email: 'e' },
    }),
    call('`delete`', 'Account', 'delete', { where: { id: 4 } }),
    call('`delete` by an encrypted unique field', 'Account', 'delete', { where: { email: 'dan@x.org' } }),
    call('`deleteMany` by an index', 'Account', 'deleteMany', { where: { phone: '111', id: 4 } }),
  ],
}
