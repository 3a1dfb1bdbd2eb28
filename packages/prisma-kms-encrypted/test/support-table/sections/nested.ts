/** Nested writes: every verb, in every kind of relation, below each kind of root write. */
import type { Args, Column, ModelName, Row, Section } from '../cell.js'

const roots: readonly Column[] = [
  { title: 'create', operations: ['create'] },
  { title: 'update', operations: ['update'] },
  { title: 'upsert: create', operations: ['upsert'], side: 'create' },
  { title: 'upsert: update', operations: ['upsert'], side: 'update' },
]

/** A root model with what a new record of it needs. */
interface Root {
  readonly model: ModelName
  readonly created: Args
  readonly id?: number
}

/** Root writes around the nested writes of one relation. */
function nested(
  { model, created, id = 1 }: Root,
  clause: string,
  data: Args,
  twin?: null,
  updatesOnly = false,
): Row {
  return {
    clause,
    call: ({ operations: [operation = ''], side }) => {
      if (updatesOnly && (operation === 'create' || side === 'create')) return null
      const base = { model, operation, ...(twin === null ? { twin } : {}) }
      const where = { id }
      if (operation === 'create') return { ...base, args: { data: { ...created, ...data } } }
      if (operation === 'update') return { ...base, args: { where, data } }
      return side === 'create'
        ? { ...base, args: { where: { id: 90 }, create: { ...created, ...data }, update: {} } }
        : { ...base, args: { where, create: created, update: data } }
    },
  }
}

const user: Root = { model: 'User', created: { name: 'New' } }
const other: Root = { ...user, id: 2 }
const account: Root = { model: 'Account', created: { label: 'new' }, id: 2 }
const org: Root = { model: 'Org', created: { name: 'new' } }
const tag: Root = { model: 'Tag', created: { label: 'new' } }
const post: Root = { model: 'Post', created: { title: 'new', author: { connect: { id: 1 } } } }

const fresh = { label: 'n', phone: '777', email: 'n@x.org' }

export const toMany: Section = {
  title: 'Nested writes: a list of encrypted records',
  text: 'For example `prisma.user.update({ data: { accounts: { … } } })`.',
  columns: roots,
  rows: [
    nested(user, '`create`', { accounts: { create: fresh } }),
    nested(user, '`create` of several', { accounts: { create: [fresh, { label: 'm', phone: '1' }] } }),
    nested(user, '`createMany`', { accounts: { createMany: { data: [fresh, { label: 'm', phone: '1' }] } } }),
    nested(user, '`createMany` with `skipDuplicates`', {
      accounts: { createMany: { data: [fresh, { label: 'm', email: 'dan@x.org' }], skipDuplicates: true } },
    }),
    nested(user, '`connect`', { accounts: { connect: { id: 4 } } }),
    nested(user, '`connect` by an encrypted unique field', { accounts: { connect: { email: 'dan@x.org' } } }),
    nested(user, '`connectOrCreate` that connects', {
      accounts: { connectOrCreate: { where: { email: 'dan@x.org' }, create: fresh } },
    }),
    nested(user, '`connectOrCreate` that creates', {
      accounts: { connectOrCreate: { where: { email: 'n@x.org' }, create: fresh } },
    }),
    nested(user, '`set`', { accounts: { set: [{ id: 4 }] } }),
    nested(user, '`set` by an encrypted unique field', { accounts: { set: [{ email: 'dan@x.org' }] } }),
    nested(user, '`disconnect`', { accounts: { disconnect: { id: 1 } } }),
    nested(user, '`disconnect` by an encrypted unique field', {
      accounts: { disconnect: { email: 'ada@x.org' } },
    }),
    nested(user, '`update` of encrypted fields', {
      accounts: { update: { where: { id: 1 }, data: { phone: '888' } } },
    }),
    nested(user, '`update` by an encrypted unique field', {
      accounts: { update: { where: { email: 'ada@x.org' }, data: { phone: '888' } } },
    }),
    nested(user, '`update` to `null`', { accounts: { update: { where: { id: 1 }, data: { phone: null } } } }),
    nested(user, '`updateMany` of encrypted fields', {
      accounts: { updateMany: { where: { orgId: 1 }, data: { phone: '888' } } },
    }),
    nested(user, '`updateMany` by an index', {
      accounts: { updateMany: { where: { phone: '111' }, data: { label: 'l' } } },
    }),
    nested(user, '`upsert` that updates', {
      accounts: { upsert: { where: { email: 'ada@x.org' }, create: fresh, update: { phone: '888' } } },
    }),
    nested(user, '`upsert` that creates', {
      accounts: { upsert: { where: { email: 'n@x.org' }, create: fresh, update: { phone: '888' } } },
    }),
    nested(user, '`connect` with a further condition by an index', {
      accounts: { connect: { id: 4, phone: '111' } },
    }),
    nested(user, '`update` with a condition on a field without an index', {
      posts: { update: { where: { id: 1, body: 'one' }, data: { title: 't' } } },
    }),
    nested(user, '`delete`', { accounts: { delete: { id: 2 } } }),
    nested(user, '`delete` by an encrypted unique field', { accounts: { delete: { email: 'bob@x.org' } } }),
    nested(user, '`deleteMany`, all', { posts: { deleteMany: {} } }),
    nested(user, '`deleteMany` by an index', { accounts: { deleteMany: { phone: '222' } } }),
    nested(user, '`deleteMany` by a field without an index', { posts: { deleteMany: { body: 'one' } } }),
    nested(user, '`update`, `delete`, `create` together', {
      accounts: {
        create: fresh,
        update: { where: { id: 1 }, data: { label: 'l' } },
        delete: { id: 2 },
      },
    }),
    nested(user, '`update` of encrypted fields beside `create`', {
      accounts: { create: fresh, update: { where: { id: 1 }, data: { phone: '888' } } },
    }),
    nested(user, '`updateMany` of encrypted fields beside `create`', {
      accounts: { create: fresh, updateMany: { where: { orgId: 1 }, data: { phone: '888' } } },
    }),
    nested(user, '`updateMany` of encrypted fields after an `update` of what its `where` reads', {
      accounts: {
        update: { where: { id: 1 }, data: { phone: '888' } },
        updateMany: { where: { phone: '888' }, data: { badge: 'b' } },
      },
    }),
    nested(user, '`upsert` of encrypted fields before `update` and `updateMany`', {
      accounts: {
        upsert: { where: { id: 1 }, create: fresh, update: { phone: '777' } },
        update: { where: { id: 1 }, data: { phone: '888' } },
        updateMany: { where: { orgId: 1 }, data: { phone: '999' } },
      },
    }),
    nested(user, '`upsert` of encrypted fields with `updateMany` between it and `update`', {
      accounts: {
        upsert: { where: { id: 1 }, create: fresh, update: { phone: '777' } },
        updateMany: { where: { orgId: 1 }, data: { phone: '999' } },
        update: { where: { id: 1 }, data: { phone: '888' } },
      },
    }),
    nested(user, 'root and nested encrypted data', {
      email: 'root@x.org',
      accounts: { update: { where: { id: 1 }, data: { phone: '888' } } },
    }),
    nested(user, 'a key column', { accounts: { create: { encryptedKmsKey: 'v1:AAAA' } } }, null),
    nested(user, 'an index column', { accounts: { create: { emailBidx: 'x' } } }, null),
  ],
}

export const toOne: Section = {
  title: 'Nested writes: one encrypted record',
  text: 'The foreign key may be in the record itself (`account.owner`) or in the other one (`user.profile`).',
  columns: roots,
  rows: [
    nested(account, 'key here: `create`', { owner: { create: { name: 'Owner', phone: '5' } } }),
    nested(account, 'key here: `connect`', { owner: { connect: { id: 2 } } }),
    nested(account, 'key here: `connectOrCreate`', {
      owner: { connectOrCreate: { where: { handle: 'x' }, create: { name: 'Owner' } } },
    }),
    nested(account, 'key here: `disconnect`', { owner: { disconnect: true } }),
    nested(account, 'key here: `disconnect` with a condition by an index', {
      referrer: { disconnect: { phone: '111' } },
    }),
    nested(account, 'key here: `disconnect` with a condition on a field without an index', {
      owner: { disconnect: { name: 'Ada' } },
    }),
    nested(account, 'key here: `update`', { owner: { update: { name: 'Owner' } } }),
    nested(account, 'key here: `update` with `where`, `data`', {
      owner: { update: { where: { nickname: 'a' }, data: { name: 'Owner' } } },
    }),
    nested(account, 'key here: `upsert`', {
      owner: { upsert: { create: { name: 'New owner' }, update: { name: 'Owner' } } },
    }),
    nested(account, 'key here: `delete`', { referrer: { delete: true } }),
    nested(account, 'key here, same model: `connect` by an encrypted unique field', {
      referrer: { connect: { email: 'dan@x.org' } },
    }),
    nested(account, 'key here, same model: `update`', { referrer: { update: { phone: '888' } } }),
    nested(other, 'key there: `create`', { profile: { create: { bio: 'b' } } }),
    nested(other, 'key there: `connect`', {
      profile: { connect: { id: '11111111-1111-4111-8111-111111111111' } },
    }),
    nested(other, 'key there: `connectOrCreate`', {
      profile: {
        connectOrCreate: { where: { id: '11111111-1111-4111-8111-111111111111' }, create: { bio: 'b' } },
      },
    }),
    nested(user, 'key there: `update`', { profile: { update: { bio: 'b', headline: 'h' } } }),
    nested(user, 'key there: `upsert`', {
      profile: { upsert: { create: { bio: 'created' }, update: { bio: 'updated' } } },
    }),
    nested(user, 'key there: `delete`', { profile: { delete: true } }),
    nested(user, 'key there: `delete` with an encrypted condition', { profile: { delete: { bio: 'b' } } }),
  ],
}

export const otherRelations: Section = {
  title: 'Nested writes: many-to-many, plain roots, several levels',
  text: 'A plain model between encrypted ones changes nothing.',
  columns: roots,
  rows: [
    nested(tag, 'many-to-many: `create`', {
      posts: { create: { title: 't', body: 'b', author: { connect: { id: 1 } } } },
    }),
    nested(tag, 'many-to-many: `connect`', { posts: { connect: [{ id: 1 }, { id: 2 }] } }),
    nested(tag, 'many-to-many: `connectOrCreate`', {
      posts: {
        connectOrCreate: { where: { id: 2 }, create: { title: 't', author: { connect: { id: 1 } } } },
      },
    }),
    nested(tag, 'many-to-many: `set`', { posts: { set: [{ id: 2 }] } }),
    nested(tag, 'many-to-many: `disconnect`', { posts: { disconnect: { id: 1 } } }),
    nested(tag, 'many-to-many: `update`', { posts: { update: { where: { id: 1 }, data: { body: 'u' } } } }),
    nested(tag, 'many-to-many: `updateMany`', { posts: { updateMany: { where: {}, data: { body: 'u' } } } }),
    nested(tag, 'many-to-many: `upsert`', {
      posts: {
        upsert: {
          where: { id: 1 },
          create: { title: 't', author: { connect: { id: 1 } } },
          update: { body: 'u' },
        },
      },
    }),
    nested(tag, 'many-to-many: `delete`', { posts: { delete: { id: 1 } } }),
    nested(tag, 'many-to-many: `deleteMany`', { posts: { deleteMany: { title: 'first' } } }),
    nested(post, 'many-to-many, from the encrypted side', { body: 'b', tags: { create: { label: 't' } } }),
    nested(org, 'plain root: `create`', { accounts: { create: fresh } }),
    nested(org, 'plain root: `createMany`', { accounts: { createMany: { data: [fresh] } } }),
    nested(org, 'plain root: `update`', {
      accounts: { update: { where: { id: 1 }, data: { phone: '888' } } },
    }),
    nested(org, 'plain root: `updateMany`', {
      accounts: { updateMany: { where: {}, data: { phone: '888' } } },
    }),
    nested(org, 'plain root: `upsert`', {
      accounts: { upsert: { where: { email: 'ada@x.org' }, create: fresh, update: { phone: '888' } } },
    }),
    nested(org, 'plain root: `deleteMany` by an index', { accounts: { deleteMany: { phone: '222' } } }),
    nested(org, 'three levels of `create`', {
      users: {
        create: {
          name: 'U',
          profile: { create: { bio: 'b' } },
          posts: { create: { title: 't', body: 'b' } },
        },
      },
    }),
    nested(org, 'three levels of `update`', {
      users: {
        update: {
          where: { id: 1 },
          data: {
            email: 'u@x.org',
            posts: { update: { where: { id: 1 }, data: { body: 'u', editor: { connect: { id: 2 } } } } },
          },
        },
      },
    }),
    nested(org, '`update`, below it `create` and `upsert`', {
      users: {
        update: {
          where: { id: 1 },
          data: {
            posts: { create: { title: 't', body: 'b' } },
            profile: { upsert: { create: { bio: 'created' }, update: { bio: 'updated' } } },
          },
        },
      },
    }),
    nested(org, 'a column of the context: new records', { members: { create: { userNo: 5, secret: 's' } } }),
    nested(
      org,
      'a column of the context: `connect` that would change it',
      {
        members: { connect: { orgId_userNo: { orgId: 1, userNo: 1 } } },
      },
      null,
    ),
    nested(
      org,
      'a column of the context: nested `update`',
      {
        users: { update: { where: { id: 1 }, data: { id: 80 } } },
      },
      null,
      true,
    ),
    nested(
      org,
      'a key column, two levels down',
      {
        users: { create: { name: 'U', posts: { create: { title: 't', encryptedKmsKey: 'v1:AAAA' } } } },
      },
      null,
    ),
  ],
}
