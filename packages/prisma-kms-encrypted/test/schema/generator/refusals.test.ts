import { parseSchema, refuseSchema, type SchemaOptions } from './schema.js'
import { generateModule } from '../../../src/schema/generator/generate.js'

/** A model with a usable id and key column around `fields`. */
const user = (fields: string, attributes = '') => `
  model User {
    id   Int     @id
    text String  /// @encrypted
    key  String? /// @kmsKey
    ${fields}
    ${attributes}
  }`

/** A model with the id `id` and further fields, encrypted otherwise as it should be. */
const withId = (id: string, rest = '') => `
  model User {
    ${id}
    text String  /// @encrypted
    key  String? /// @kmsKey
    ${rest}
  }`

const tenant = `
  model Tenant {
    id    Int    @id
    users User[]
  }`

type Refusal = readonly [what: string, schema: string, found: string, options?: SchemaOptions]

const fields: readonly Refusal[] = [
  ['a list', user('a String[] /// @encrypted'), 'User.a: expected String, Json or Bytes, got String[]'],
  ['a number', user('a Int? /// @encrypted'), 'User.a: expected String, Json or Bytes, got Int?'],
  [
    'a decimal with its native type',
    user('a Decimal @db.Decimal(10, 2) /// @encrypted'),
    'User.a: expected String, Json or Bytes, got Decimal @db.Decimal(10, 2)',
  ],
  [
    'an enum',
    `enum Role {\n A\n}\n${user('a Role /// @encrypted')}`,
    'User.a: expected String, Json or Bytes, got Role',
  ],
  [
    'the id',
    'model User {\n id String @id /// @encrypted\n key String? /// @kmsKey\n}',
    'User.id: the primary key cannot be encrypted',
  ],
  [
    'a part of the id',
    withId('a Int', 'b String /// @encrypted\n @@id([a, b])'),
    'User.b: the primary key cannot be encrypted',
  ],
  ['@unique', user('a String @unique /// @encrypted'), 'User.a: @unique on an encrypted field'],
  [
    '@@unique',
    user('a String /// @encrypted', '@@unique([a, id])'),
    'User.a: @@unique on an encrypted field',
  ],
  [
    'a single @@unique',
    user('a String /// @encrypted', '@@unique([a])'),
    'User.a: @@unique on an encrypted field',
  ],
  ['@@index', user('a String? /// @encrypted', '@@index([id, a])'), 'User.a: @@index on an encrypted field'],
  [
    '@@fulltext',
    user('a String? @db.Text /// @encrypted', '@@fulltext([a])'),
    'User.a: @@fulltext on an encrypted field',
    { database: 'mysql', previewFeatures: 'fullTextIndex' },
  ],
  [
    'a foreign key',
    `model Tenant {\n id String @id\n users User[]\n}\n${user(`
      tenantId String /// @encrypted
      tenant Tenant @relation(fields: [tenantId], references: [id])`)}`,
    'User.tenantId: the foreign key of User.tenant cannot be encrypted',
  ],
  ['@default', user('a String @default("x") /// @encrypted'), 'User.a: @default on an encrypted field'],
  [
    'a type that is no text',
    user('a String @db.Uuid /// @encrypted'),
    'User.a: String @db.Uuid does not hold ciphertext unchanged on postgresql',
  ],
  [
    'a padded type',
    user('a String @db.Char(200) /// @encrypted'),
    'User.a: String @db.Char(200) does not hold ciphertext unchanged on postgresql',
  ],
  [
    'padded bytes',
    user('a Bytes @db.Binary(200) /// @encrypted'),
    'User.a: Bytes @db.Binary(200) does not hold ciphertext unchanged on mysql',
    { database: 'mysql' },
  ],
  [
    'a text column without room for an empty value',
    user('a String @db.VarChar(63) /// @encrypted'),
    'User.a: expected room for at least 64 characters, got 63',
  ],
  [
    'a binary column without room for an empty value',
    user('a Bytes @db.VarBinary(47) /// @encrypted'),
    'User.a: expected room for at least 48 bytes, got 47',
    { database: 'mysql' },
  ],
]

const keys: readonly Refusal[] = [
  [
    'no key column',
    'model User {\n id Int @id\n a String /// @encrypted\n b String /// @encrypted\n}',
    'User.a: no key column for the key "default"',
  ],
  [
    'no key column of a group',
    user('a String /// @encrypted(key: phone)'),
    'User.a: no key column for the key "phone"',
  ],
  [
    'a group that nobody uses',
    user('k String? /// @kmsKey(phone)'),
    'User.k: no field of User is encrypted under the key "phone"',
  ],
  [
    'a key column without encrypted fields',
    'model User {\n id Int @id\n k String? /// @kmsKey\n}',
    'User.k: no field of User is encrypted under the key "default"',
  ],
  [
    'two key columns of one group',
    user('k String? /// @kmsKey'),
    'User.k: User.key is already the key column of the key "default"',
  ],
  [
    'a required key column',
    'model User {\n id Int @id\n a String /// @encrypted\n k String /// @kmsKey\n}',
    'User.k: expected an optional String of a text type, got String',
  ],
  [
    'a key column of another type',
    'model User {\n id Int @id\n a String /// @encrypted\n k Bytes? /// @kmsKey\n}',
    'User.k: expected an optional String of a text type, got Bytes?',
  ],
  [
    'a list as key column',
    'model User {\n id Int @id\n a String /// @encrypted\n k String[] /// @kmsKey\n}',
    'User.k: expected an optional String of a text type, got String[]',
  ],
  [
    'a unique key column',
    'model User {\n id Int @id\n a String /// @encrypted\n k String? @unique /// @kmsKey\n}',
    'User.k: a key column with @id, @unique, @default or a relation',
  ],
  [
    'a key column with a default',
    'model User {\n id Int @id\n a String /// @encrypted\n k String? @default("") /// @kmsKey\n}',
    'User.k: a key column with @id, @unique, @default or a relation',
  ],
  [
    'a key column without room for any key',
    'model User {\n id Int @id\n a String /// @encrypted\n k String? @db.VarChar(66) /// @kmsKey\n}',
    'User.k: expected room for at least 67 characters, got 66',
  ],
  [
    'two fields with one cryptographic name',
    user('a String /// @encrypted(name: text)'),
    'User.a: the cryptographic name "text" belongs to User.text as well',
  ],
  [
    'two models with one cryptographic name',
    `${user('')}\n model Account {\n id Int @id\n a String /// @encrypted\n k String? /// @kmsKey(model: User)\n}`,
    'Account: the cryptographic name "User" belongs to User as well',
  ],
  [
    'two names of one model',
    `model User {
      id Int @id
      a String /// @encrypted
      b String /// @encrypted(key: b)
      k String? /// @kmsKey(model: Person)
      l String? /// @kmsKey(b, model: User)
    }`,
    'User.l: expected the model name "Person" of the other key column, got "User"',
  ],
]

const lossy = (id: string, type: string, database = 'postgresql'): Refusal => [
  `the id ${type} on ${database}`,
  withId(`id ${id}`),
  `User.id: expected an id that is read back exactly as written, got ${type} on ${database}`,
  { database },
]

const ids: readonly Refusal[] = [
  lossy('Float @id', 'Float'),
  lossy('Decimal @id', 'Decimal'),
  lossy('DateTime @id @db.Date', 'DateTime @db.Date'),
  lossy('DateTime @id @db.Time', 'DateTime @db.Time'),
  lossy('DateTime @id @db.Timestamp(2)', 'DateTime @db.Timestamp(2)'),
  lossy('String @id @db.Inet', 'String @db.Inet'),
  lossy('String @id @db.Xml', 'String @db.Xml'),
  lossy('String @id @db.Bit(8)', 'String @db.Bit(8)'),
  lossy('String @id @db.Citext', 'String @db.Citext'),
  lossy('DateTime @id @db.DateTime', 'DateTime @db.DateTime', 'mysql'),
  lossy('Bytes @id @db.Binary(16)', 'Bytes @db.Binary(16)', 'mysql'),
  lossy('DateTime @id @db.DateTime', 'DateTime @db.DateTime', 'sqlserver'),
  lossy('String @id @db.VarChar(20)', 'String @db.VarChar(20)', 'sqlserver'),
  [
    'an enum id whose values have other names in the database',
    `enum Kind {\n A @map("a")\n}\n${withId('id Kind @id')}`,
    'User.id: expected an id that is read back exactly as written, got Kind on postgresql',
  ],
  [
    'an id that cascades by default',
    `${tenant}\n${withId('id Int @id', 'tenant Tenant @relation(fields: [id], references: [id])')}`,
    'User.id: an id with the foreign key of User.tenant, which the database changes (onUpdate: Cascade, the default)',
  ],
  [
    'a part of the id that cascades',
    `${tenant}\n${withId('id Int', 'n Int\n tenant Tenant @relation(fields: [id], references: [id], onUpdate: Cascade)\n @@id([n, id])')}`,
    'User.id: an id with the foreign key of User.tenant, which the database changes (onUpdate: Cascade)',
  ],
  [
    'an id that the deletion of its parent changes',
    `${tenant}\n${withId('id Int @id @default(0)', 'tenant Tenant @relation(fields: [id], references: [id], onUpdate: Restrict, onDelete: SetDefault)')}`,
    'User.id: an id with the foreign key of User.tenant, which the database changes (onDelete: SetDefault)',
  ],
  [
    'a @kmsId that cascades',
    `${tenant}\n${withId('id Int @id', 'tenantId Int @unique /// @kmsId\n tenant Tenant @relation(fields: [tenantId], references: [id])')}`,
    'User.tenantId: an id with the foreign key of User.tenant, which the database changes (onUpdate: Cascade, the default)',
  ],
  ['an id with @updatedAt', withId('id DateTime @id @updatedAt'), 'User.id: an id with @updatedAt'],
  [
    'an optional @kmsId',
    user('uid String? @unique /// @kmsId'),
    'User.uid: expected a required @unique or @id column for @kmsId, got String?',
  ],
  [
    'a @kmsId that is not unique',
    user('uid String /// @kmsId'),
    'User.uid: expected a required @unique or @id column for @kmsId, got String that is not unique',
  ],
  [
    'a lossy @kmsId',
    user('uid Float @unique /// @kmsId'),
    'User.uid: expected an id that is read back exactly as written, got Float on postgresql',
  ],
  [
    'two @kmsId',
    user('uid String @unique /// @kmsId\n vid String @unique /// @kmsId'),
    'User.vid: expected one @kmsId, got a second beside User.uid',
  ],
  [
    '@kmsId in a model without encrypted fields',
    'model User {\n id Int @id /// @kmsId\n}',
    'User.id: @kmsId in a model without encrypted fields',
  ],
  [
    'several unique criteria without an id',
    withId('a Int @unique', 'b Int\n c Int\n @@unique([b, c])'),
    'User: expected @id or one unique criterion, got several: a, b + c',
  ],
]

const comments: readonly Refusal[] = [
  ['a misspelt annotation', user('a String /// @encryptd'), 'User.a: expected @encrypted, got @encryptd'],
  [
    'two annotations',
    user('a String? /// @encrypted @kmsKey'),
    'User.a: expected one annotation, got @encrypted and @kmsKey',
  ],
  [
    '@encrypted twice',
    user('/// @encrypted\n a String /// @encrypted'),
    'User.a: expected one annotation, got @encrypted and @encrypted',
  ],
  ['a model', `/// @encrypted\n${user('').trim()}`, 'User: @encrypted on a model'],
  [
    'a relation',
    `${tenant}\n${user('tenantId Int\n tenant Tenant @relation(fields: [tenantId], references: [id]) /// @encrypted')}`,
    'User.tenant: @encrypted on a relation',
  ],
  ['an enum', `/// @kmsId\nenum Role {\n A\n}\n${user('')}`, 'Role: @kmsId on an enum'],
  ['an enum value', `enum Role {\n A /// @kmsKey\n}\n${user('')}`, 'Role.A: @kmsKey on an enum value'],
  [
    'a view',
    `view Report {\n id Int @unique\n a String /// @encrypted\n}`,
    'Report.a: @encrypted on a field of a view',
    { previewFeatures: 'views' },
  ],
  [
    'a plain comment',
    user('a String // @encrypted'),
    'User.a: @encrypted in a comment that begins with two slashes',
  ],
  [
    'a plain comment with more text',
    user('a String // the name /// @encrypted'),
    'User.a: @encrypted in a comment that begins with two slashes',
  ],
  [
    'a plain comment above a field',
    user('// @encrypted\n a String'),
    'User: @encrypted in a comment that begins with two slashes',
  ],
  [
    'a block attribute',
    user('a String', '/// @encrypted\n @@index([a])'),
    'User: @encrypted in a comment that belongs to no field',
  ],
  [
    'a comment behind a block attribute',
    user('a String', '@@index([a]) /// @encrypted'),
    'User: @encrypted in a comment that belongs to no field',
  ],
  [
    'the end of a model',
    user('a String', '/// @kmsId'),
    'User: @kmsId in a comment that belongs to no field',
  ],
  [
    'the opening of a model',
    user('').replace('{', '{ /// @kmsId'),
    'User: @kmsId in a comment that belongs to no field',
  ],
  ['between models', `/// @kmsId\n\n${user('')}`, 'schema: @kmsId in a comment that belongs to no field'],
  [
    'the end of the schema',
    `${user('')}\n/// @kmsKey`,
    'schema: @kmsKey in a comment that belongs to no field',
  ],
  [
    'a lost misspelling',
    user('', '/// @encryptd\n @@index([id])'),
    'User: expected @encrypted, got @encryptd',
  ],
]

const refusals = [
  ...[...fields, ...keys, ...ids].map((refusal) => ({ refusal, code: 'INVALID_SCHEMA' })),
  ...comments.map((refusal) => ({ refusal, code: 'INVALID_SCHEMA_COMMENT' })),
].map(({ refusal: [what, schema, found, options = {}], code }) => ({ what, schema, found, options, code }))

test.each(refusals)('refuses $what', async ({ schema, found, options, code }) => {
  const error = await refuseSchema(schema, options)
  expect(error.code).toBe(code)
  expect(error.message.split('\n')[0]).toBe(found)
  expect(error.message).toMatch(/\n {2}why: .+\n {2}fix: .+\n {2}code: /)
})

test('proposes the key column that is missing', async () => {
  const error = await refuseSchema('model User {\n id Int @id\n a String /// @encrypted(key: phone)\n}')
  expect(error.fix).toBe('Add to User: `encryptedKmsKeyPhone String? /// @kmsKey(phone)`.')
})

test('lists all problems of a schema', async () => {
  const error = await refuseSchema(`
    model User {
      id Float  @id
      a  Int    /// @encrypted
      b  String @unique /// @encrypted
    }
    model Post {
      id   Int    @id
      body String /// @encrypted
    }`)
  expect(error.code).toBe('INVALID_SCHEMA')
  expect(error.message.split('\n').filter((line) => /^(prisma|\d)/.test(line))).toEqual([
    'prisma-kms-encrypted found 5 problems in the schema',
    '1. User.a: expected String, Json or Bytes, got Int',
    '2. User.b: @unique on an encrypted field',
    '3. User.a: no key column for the key "default"',
    '4. User.id: expected an id that is read back exactly as written, got Float on postgresql',
    '5. Post.body: no key column for the key "default"',
  ])
})

test('says the code of the problems that are listed', async () => {
  const error = await refuseSchema('model User {\n id Int @id /// @kmsid\n a String // @encrypted\n}')
  expect(error.code).toBe('INVALID_SCHEMA_COMMENT')
})

test('refuses composite types and unknown databases', async () => {
  const input = await parseSchema(user(''))
  const type = { ...input.dmmf.datamodel.models[0], name: 'Address', documentation: '@encrypted' }
  const datamodel = { ...input.dmmf.datamodel, types: [type] } as typeof input.dmmf.datamodel
  expect(() => generateModule({ ...input, dmmf: { ...input.dmmf, datamodel } })).toThrow(
    /Address: @encrypted on a composite type[^]*Address\.text: @encrypted on a field of a composite type/,
  )
  expect(() => generateModule({ ...input, database: 'mongodb' })).toThrow(
    /datasource: expected one of .*, got mongodb/,
  )
})

test('leaves commented-out fields, strings and quoted names alone', async () => {
  const input = await parseSchema(`
    /// The users. See \`@encrypted\`.
    model User {
      id   Int     @id // the number
      // old String /// @encrypted
      // /// @encrypted
      note String  @default("// @encrypted") /// "@encrypted" is for others
      text String  /// @encrypted
      key  String? /// @kmsKey
      @@index([note]) /// fast
      /// that was all
    } /// and here`)
  expect(generateModule(input)).toContain("text: { key: 'default'")
})
