import type { BlindIndex } from '../../../src/schema/model.js'
import { readSchema, refuseSchema } from './schema.js'

const email = 'email String? /// @encrypted'

/** A model with a usable id and key column, one or more encrypted fields, and what is tested. */
const model = (index: string, field = email, rest = '') => `
  model User {
    id  Int     @id
    key String? /// @kmsKey
    ${field}
    ${index}
    ${rest}
  }`

async function readIndexes(schema: string): Promise<Readonly<Record<string, BlindIndex>>> {
  const { User } = await readSchema(schema)
  if (!User) throw new Error('User is not among the models')
  return User.indexes
}

test('reads several indexes of one field with their options', async () => {
  const indexes = await readIndexes(
    model(`
      exact String? /// @blindIndex(email)
      loose String? @unique @map("loose_index") /// @blindIndex(email, normalize: [trim, lowercase], verify: false)
      next  String? @unique /// @blindIndex(email, normalize: [trim, lowercase])
      cut   String? @db.VarChar(4) /// @blindIndex(email, bits: 16)`),
  )
  const plain = { field: 'email', normalize: [], bits: null, unique: false, verify: true }
  const loose = { ...plain, normalize: ['trim', 'lowercase'], unique: true }
  expect(indexes).toEqual({
    exact: { ...plain, column: 'exact' },
    loose: { ...loose, column: 'loose_index', verify: false },
    next: { ...loose, column: 'next' },
    cut: { ...plain, column: 'cut', bits: 16 },
  })
  expect(Object.keys(indexes)).toEqual(['exact', 'loose', 'next', 'cut'])
})

test.each([
  ['@unique on the index', 'bidx String? @unique /// @blindIndex(email)', ''],
  ['@@unique on the index alone', 'bidx String? /// @blindIndex(email)', '@@unique([bidx])'],
])('%s makes it unique', async (_, index, rest) => {
  expect((await readIndexes(model(index, email, rest)))['bidx']).toMatchObject({ unique: true })
})

test('accepts an index with @@index, or with neither that nor @unique', async () => {
  const index = 'bidx String? /// @blindIndex(email)'
  for (const rest of ['', '@@index([bidx])', '@@index([bidx, id])']) {
    expect((await readIndexes(model(index, email, rest)))['bidx']).toMatchObject({ unique: false })
  }
})

test('takes a required index column for a required field only', async () => {
  const index = 'bidx String /// @blindIndex(email)'
  expect(await readIndexes(model(index, 'email String /// @encrypted'))).toHaveProperty('bidx')
})

test.each([
  ['an unknown field', model('bidx String? /// @blindIndex(mail)'), 'an encrypted field of User, got mail'],
  ['a plain field', model('bidx String? /// @blindIndex(id)'), 'expected an encrypted field of User, got id'],
  [
    'a Json field',
    model('bidx String? /// @blindIndex(doc)', 'doc Json? /// @encrypted'),
    'User.doc is Json',
  ],
  [
    'normalised bytes',
    model('bidx String? /// @blindIndex(raw, normalize: [trim])', 'raw Bytes? /// @encrypted'),
    'normalize on User.raw, which is Bytes',
  ],
  [
    'a number column',
    model('bidx Int? /// @blindIndex(email)'),
    'expected an optional String of a text type, got Int?',
  ],
  [
    'a list column',
    model('bidx String[] /// @blindIndex(email)'),
    'expected an optional String of a text type, got String[]',
  ],
  [
    'a required column for an optional field',
    model('bidx String /// @blindIndex(email)'),
    'expected an optional String of a text type, got String',
  ],
  [
    'a column that is too short',
    model('bidx String? @db.VarChar(43) /// @blindIndex(email)'),
    'expected room for 44 characters, got 43',
  ],
  [
    'a column with a default',
    model('bidx String? @default("") /// @blindIndex(email)'),
    'an index column with @id, @default or a relation',
  ],
  [
    'a foreign key',
    `${model('bidx String? /// @blindIndex(email)', email, 'tag Tag? @relation(fields: [bidx], references: [id])')}
     model Tag {
       id String @id
       users User[]
     }`,
    'an index column with @id, @default or a relation',
  ],
  [
    'a column that a relation refers to',
    `${model('bidx String? @unique /// @blindIndex(email)', email, 'logs Log[]')}
     model Log {
       id   Int     @id
       who  String?
       user User?   @relation(fields: [who], references: [bidx])
     }`,
    'an index column with @id, @default or a relation',
  ],
  [
    'a unique truncated index',
    model('bidx String? @unique /// @blindIndex(email, bits: 16)'),
    '@unique on a truncated index',
  ],
  [
    'a truncated index in a compound criterion',
    model('bidx String? /// @blindIndex(email, bits: 16)', email, 'orgId Int\n @@unique([orgId, bidx])'),
    '@@unique on a truncated index',
  ],
  [
    'a truncated index that is not checked',
    model('bidx String? /// @blindIndex(email, bits: 16, verify: false)'),
    'verify: false on a truncated index',
  ],
  [
    'a second truncated index',
    model('cut String? /// @blindIndex(email, bits: 8)\n bidx String? /// @blindIndex(email, bits: 16)'),
    'User.cut is already a truncated index of User.email',
  ],
])('refuses %s', async (_, schema, found) => {
  const error = await refuseSchema(schema)
  expect(error.code).toBe('INVALID_SCHEMA')
  expect(error.message.split('\n')[0]).toMatch(/^User\.bidx: /)
  expect(error.message.split('\n')[0]).toContain(found)
})

const org = 'orgId Int'
const taxId = `taxId String? /// @encrypted\n ${org}`

test.each([
  ['@unique', 'bidx String? @unique /// @blindIndex(email)', 'email String? @unique /// @encrypted', ''],
  ['@@unique of one', 'bidx String? @unique /// @blindIndex(email)', email, '@@unique([email])'],
  [
    'a compound criterion',
    'bidx String? /// @blindIndex(taxId)',
    taxId,
    '@@unique([orgId, taxId])\n @@unique([orgId, bidx])',
  ],
  [
    'a compound criterion in another order and under names',
    'bidx String? /// @blindIndex(taxId)',
    taxId,
    '@@unique([orgId, taxId], name: "tax")\n @@unique([bidx, orgId], map: "tax_index")',
  ],
  [
    'a compound criterion of two encrypted fields',
    'a String? /// @blindIndex(email)\n b String? /// @blindIndex(taxId)',
    `${email}\n ${taxId}`,
    '@@unique([email, taxId])\n @@unique([a, b])',
  ],
  [
    'a compound criterion that already holds one index',
    'a String? /// @blindIndex(email)\n b String? /// @blindIndex(taxId)',
    `${email}\n ${taxId}`,
    '@@unique([email, b])\n @@unique([a, b])',
  ],
  [
    'the second of two indexes',
    'a String? /// @blindIndex(email)\n b String? @unique /// @blindIndex(email, normalize: [trim])',
    'email String? @unique /// @encrypted',
    '',
  ],
])('%s may stand on an encrypted field with a unique index for it', async (_, index, field, rest) => {
  await expect(readIndexes(model(index, field, rest))).resolves.toBeDefined()
})

test.each([
  [
    'an index that is not unique for @unique',
    model('bidx String? /// @blindIndex(email)', 'email String? @unique /// @encrypted'),
    'User.email: @unique on an encrypted field',
    '`bidx String? @unique /// @blindIndex(email)`',
  ],
  [
    'no index for @unique',
    model('', 'email String? @unique /// @encrypted'),
    'User.email: @unique on an encrypted field',
    '`emailBidx String? @unique /// @blindIndex(email)`',
  ],
  [
    'a unique index of another field',
    model(
      'bidx String? @unique /// @blindIndex(other)',
      `email String? @unique /// @encrypted\n other String? /// @encrypted`,
    ),
    'User.email: @unique on an encrypted field',
    '`emailBidx String? @unique',
  ],
  [
    'a compound index for @unique',
    model(
      'bidx String? /// @blindIndex(email)',
      `email String? @unique /// @encrypted\n ${org}`,
      '@@unique([orgId, bidx])',
    ),
    'User.email: @unique on an encrypted field',
    '`bidx String? @unique',
  ],
  [
    'a unique index alone for a compound criterion',
    model('bidx String? @unique /// @blindIndex(taxId)', taxId, '@@unique([orgId, taxId])'),
    'User.taxId: @@unique on an encrypted field',
    '@@unique([orgId, bidx])',
  ],
  [
    'a compound criterion that still holds ciphertext',
    model(
      'a String? /// @blindIndex(email)\n b String? /// @blindIndex(taxId)',
      `${email}\n ${taxId}`,
      '@@unique([email, taxId])\n @@unique([email, b])',
    ),
    'User.email: @@unique on an encrypted field',
    '@@unique([a, b])',
  ],
])('refuses %s', async (_, schema, found, fix) => {
  const error = await refuseSchema(schema)
  expect(error.code).toBe('INVALID_SCHEMA')
  expect(error.message).toContain(`${found}\n`)
  expect(error.message).toContain(fix)
})

test('refuses a relation that refers to an encrypted field', async () => {
  const error = await refuseSchema(`
    ${model('bidx String? @unique /// @blindIndex(email)', 'email String? @unique /// @encrypted', 'logs Log[]')}
    model Log {
      id   Int     @id
      who  String?
      user User?   @relation(fields: [who], references: [email])
    }`)
  expect(error.message.split('\n')[0]).toBe('User.email: Log.user refers to an encrypted field')
})

test('@@index may not stand on an encrypted field, with or without a blind index', async () => {
  const error = await refuseSchema(
    model('bidx String? /// @blindIndex(email)', email, '@@index([bidx])\n @@index([email], type: Hash)'),
  )
  expect(error.message.split('\n')[0]).toBe('User.email: @@index on an encrypted field')
})
