import { readAnnotatedSchema } from '../../../src/schema/generator/annotated-schema.js'
import { type BlindIndexDefinition, readBlindIndex } from '../../../src/schema/generator/blind-index.js'
import { readDatabaseKind } from '../../../src/schema/generator/database-kind.js'
import { createProblems } from '../../../src/schema/generator/problems.js'
import { parseSchema, refuseSchema } from './schema.js'

const model = (index: string, field = 'email String? /// @encrypted', rest = '') => `
  model User {
    id  Int     @id
    key String? /// @kmsKey
    ${field}
    ${index}
    ${rest}
  }`

/** Reads the index in the field `bidx`. @throws KmsEncryptedError of the problems found */
async function readIndex(schema: string, database = 'postgresql'): Promise<BlindIndexDefinition | null> {
  const input = await parseSchema(schema, { database })
  const problems = createProblems()
  const annotated = readAnnotatedSchema(input.dmmf, readDatabaseKind(database), problems)
  const user = annotated.models.find(({ name }) => name === 'User')
  const field = user?.fields.find(({ dmmf }) => dmmf.name === 'bidx')
  if (!user || field?.annotation?.kind !== 'blindIndex') throw new Error('no index in User.bidx')
  const index = readBlindIndex(user, field, field.annotation, annotated, problems)
  problems.throwIfAny()
  return index
}

test('reads an index with its options', async () => {
  const annotation = '@blindIndex(email, normalize: [trim, lowercase])'
  expect(await readIndex(model(`bidx String? @unique @map("email_bidx") /// ${annotation}`))).toEqual({
    field: 'email',
    column: 'email_bidx',
    normalize: ['trim', 'lowercase'],
    bits: null,
    unique: true,
  })
  expect(await readIndex(model('bidx String? @db.VarChar(4) /// @blindIndex(email, bits: 16)'))).toEqual({
    field: 'email',
    column: 'bidx',
    normalize: [],
    bits: 16,
    unique: false,
  })
})

test.each([
  [
    'an unknown field',
    model('bidx String? /// @blindIndex(mail)'),
    'expected an encrypted field of User, got mail',
  ],
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
    'a unique truncated index',
    model('bidx String? @unique /// @blindIndex(email, bits: 16)'),
    '@unique on a truncated index',
  ],
])('refuses %s', async (_, schema, found) => {
  await expect(readIndex(schema)).rejects.toMatchObject({
    code: 'INVALID_SCHEMA',
    message: expect.stringContaining(`User.bidx: ${found}\n`) as string,
  })
})

test('generate refuses a valid index as reserved, without complaining about the field’s own @unique', async () => {
  const error = await refuseSchema(
    model('bidx String? @unique /// @blindIndex(email)', 'email String? @unique /// @encrypted'),
  )
  expect(error.code).toBe('INVALID_SCHEMA')
  expect(error.message.split('\n')[0]).toBe('User.bidx: @blindIndex is reserved')
})

test('an index that is not unique does not stand for @unique', async () => {
  const error = await refuseSchema(
    model('bidx String? /// @blindIndex(email)', 'email String? @unique /// @encrypted'),
  )
  expect(error.message).toContain('User.email: @unique on an encrypted field')
})
