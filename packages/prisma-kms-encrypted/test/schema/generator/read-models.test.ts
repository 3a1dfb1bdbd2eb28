import type { ModelDefinition } from '../../../src/schema/model.js'
import { readSchema, type SchemaOptions } from './schema.js'

async function readModel(name: string, models: string, options?: SchemaOptions): Promise<ModelDefinition> {
  const model = (await readSchema(models, options))[name]
  if (model === undefined) throw new Error(`${name} is not among the models`)
  return model
}

const text = { list: false, required: false, hasDefault: false, updatedAt: false, nativeType: null }

test('reads a whole model', async () => {
  const models = await readSchema(`
    model User {
      id       Int     @id @default(autoincrement()) @map("user_id")
      email    String? @map("e_mail") @db.VarChar(200) /// @encrypted
      notes    Json?                                   /// @encrypted(key: notes, name: remarks)
      kmsKey   String?                                 /// @kmsKey
      notesKey String? @db.VarChar(500)                /// @kmsKey(notes, model: Person)
      @@map("users")
    }`)
  expect(models).toEqual({
    User: {
      name: 'Person',
      table: 'users',
      schema: null,
      primaryKey: ['id'],
      contextId: [{ field: 'id', column: 'user_id', canonical: 'integer', default: { kind: 'sequence' } }],
      checkedCreateTakesId: false,
      uniques: [{ name: 'id', fields: ['id'] }],
      scalars: {
        id: { ...text, type: 'Int', column: 'user_id', required: true, hasDefault: true },
        email: { ...text, type: 'String', column: 'e_mail', nativeType: ['VarChar', '200'] },
        notes: { ...text, type: 'Json', column: 'notes' },
        kmsKey: { ...text, type: 'String', column: 'kmsKey' },
        notesKey: { ...text, type: 'String', column: 'notesKey', nativeType: ['VarChar', '500'] },
      },
      relations: {},
      encrypted: {
        email: {
          key: 'default',
          name: 'email',
          type: 'String',
          column: 'e_mail',
          required: false,
          capacity: 200,
        },
        notes: {
          key: 'notes',
          name: 'remarks',
          type: 'Json',
          column: 'notes',
          required: false,
          capacity: null,
        },
      },
      keys: {
        default: { field: 'kmsKey', column: 'kmsKey', model: 'Person', capacity: null },
        notes: { field: 'notesKey', column: 'notesKey', model: 'Person', capacity: 500 },
      },
      indexes: {},
    },
  })
})

test('keeps the models that reach an encrypted one through any relations, in schema order', async () => {
  const models = await readSchema(`
    model Country {
      code   String @id
      cities City[]
    }
    model City {
      id      Int     @id
      code    String
      country Country @relation(fields: [code], references: [code])
      users   User[]
    }
    model User {
      id     Int     @id
      cityId Int
      city   City    @relation(fields: [cityId], references: [id])
      tags   Tag[]
      email  String? /// @encrypted
      key    String? /// @kmsKey
    }
    model Tag {
      id    Int    @id
      users User[]
    }
    model Alone {
      id Int @id
    }`)
  expect(Object.keys(models)).toEqual(['Country', 'City', 'User', 'Tag'])
  expect(models['Country']).toMatchObject({
    name: 'Country',
    contextId: [],
    encrypted: {},
    keys: {},
    indexes: {},
  })
})

test('reads who holds the foreign key, and that Prisma cascades updates unless told otherwise', async () => {
  const models = await readSchema(`
    model User {
      id       Int     @id
      posts    Post[]  @relation("author")
      reviews  Post[]  @relation("reviewer")
      profile  Profile?
      tags     Tag[]
      parentId Int?
      parent   User?   @relation("tree", fields: [parentId], references: [id], onDelete: NoAction)
      children User[]  @relation("tree")
    }
    model Post {
      id         Int    @id
      body       String /// @encrypted
      key        String? /// @kmsKey
      authorId   Int
      author     User   @relation("author", fields: [authorId], references: [id])
      reviewerId Int?
      reviewer   User?  @relation("reviewer", fields: [reviewerId], references: [id], onUpdate: SetNull)
    }
    model Profile {
      id     Int  @id
      userId Int  @unique
      user   User @relation(fields: [userId], references: [id], onUpdate: Restrict)
    }
    model Tag {
      id    Int    @id
      users User[]
    }`)
  const none = { fields: [], references: [], onUpdate: null }
  expect(models['User']?.relations).toEqual({
    posts: { model: 'Post', list: true, required: true, relationName: 'author', ...none },
    reviews: { model: 'Post', list: true, required: true, relationName: 'reviewer', ...none },
    profile: { model: 'Profile', list: false, required: false, relationName: 'ProfileToUser', ...none },
    tags: { model: 'Tag', list: true, required: true, relationName: 'TagToUser', ...none },
    parent: {
      model: 'User',
      list: false,
      required: false,
      relationName: 'tree',
      fields: ['parentId'],
      references: ['id'],
      onUpdate: 'Cascade',
    },
    children: { model: 'User', list: true, required: true, relationName: 'tree', ...none },
  })
  expect(models['Post']?.relations).toMatchObject({
    author: { required: true, fields: ['authorId'], onUpdate: 'Cascade' },
    reviewer: { required: false, fields: ['reviewerId'], onUpdate: 'SetNull' },
  })
  expect(models['Profile']?.relations).toMatchObject({ user: { onUpdate: 'Restrict' } })
})

test('names unique criteria as the where-unique input does', async () => {
  const model = await readModel(
    'User',
    `model User {
      id     Int     @id
      email  String  @unique
      tenant Int
      number Int?
      slug   String
      secret String  /// @encrypted
      key    String? /// @kmsKey
      @@unique([slug])
      @@unique([tenant, number])
      @@unique([slug, tenant], name: "slugInTenant", map: "x")
    }`,
  )
  expect(model.uniques).toEqual([
    { name: 'id', fields: ['id'] },
    { name: 'email', fields: ['email'] },
    { name: 'slug', fields: ['slug'] },
    { name: 'tenant_number', fields: ['tenant', 'number'] },
    { name: 'slugInTenant', fields: ['slug', 'tenant'] },
  ])
})

test('binds compound ids in the order of @@id, and tells that a checked create does not take foreign keys', async () => {
  const models = await readSchema(`
    model Tenant {
      id      Int      @id
      members Member[]
    }
    model Member {
      number   BigInt
      tenantId Int
      tenant   Tenant  @relation(fields: [tenantId], references: [id], onUpdate: Restrict)
      name     String  /// @encrypted
      key      String? /// @kmsKey
      @@id([tenantId, number], name: "seat")
    }`)
  expect(models['Member']).toMatchObject({
    primaryKey: ['tenantId', 'number'],
    contextId: [
      { field: 'tenantId', canonical: 'integer', default: null },
      { field: 'number', canonical: 'integer', default: null },
    ],
    checkedCreateTakesId: false,
    uniques: [{ name: 'seat', fields: ['tenantId', 'number'] }],
  })
})

test('binds to the @kmsId column instead of an id that the database may change', async () => {
  const models = await readSchema(`
    model Tenant {
      id    Int    @id
      users User[]
    }
    model User {
      tenantId Int
      number   Int
      tenant   Tenant  @relation(fields: [tenantId], references: [id])
      uid      String  @unique @default(uuid()) @db.Uuid /// @kmsId
      name     String  /// @encrypted
      key      String? /// @kmsKey
      @@id([tenantId, number])
    }`)
  expect(models['User']).toMatchObject({
    primaryKey: ['tenantId', 'number'],
    contextId: [{ field: 'uid', column: 'uid', canonical: 'uuid', default: { kind: 'uuid', version: 4 } }],
    checkedCreateTakesId: true,
  })
})

test('takes the only unique criterion of required fields as primary key when there is no id', async () => {
  const model = await readModel(
    'User',
    `model User {
      name  String
      code  String
      other String? @unique
      text  String  /// @encrypted
      key   String? /// @kmsKey
      @@unique([code, name])
    }`,
  )
  expect(model.primaryKey).toEqual(['code', 'name'])
  expect(model.contextId.map(({ field }) => field)).toEqual(['code', 'name'])
})

test('never takes encrypted or index columns as primary key', async () => {
  const model = await readModel(
    'User',
    `model User {
      email     String  @unique /// @encrypted
      emailBidx String  @unique /// @blindIndex(email)
      number    Int     @unique /// @kmsId
      key       String? /// @kmsKey
    }`,
  )
  expect(model.primaryKey).toEqual(['number'])
  expect(model.uniques.map(({ name }) => name)).toEqual(['email', 'emailBidx', 'number'])
})

test.each([
  ['Int @default(autoincrement())', 'integer', { kind: 'sequence' }],
  ['BigInt @default(autoincrement())', 'integer', { kind: 'sequence' }],
  ['Int', 'integer', null],
  ['Int @default(7)', 'integer', { kind: 'literal', value: 7 }],
  ['String @default(uuid())', 'text', { kind: 'uuid', version: 4 }],
  ['String @default(uuid(4)) @db.Uuid', 'uuid', { kind: 'uuid', version: 4 }],
  ['String @default(uuid(7)) @db.VarChar(36)', 'text', { kind: 'uuid', version: 7 }],
  ['String @default(cuid())', 'text', { kind: 'cuid', version: 1 }],
  ['String @default(cuid(2)) @db.Char(24)', 'padded-text', { kind: 'cuid', version: 2 }],
  ['String @default(nanoid())', 'text', { kind: 'nanoid', length: 21 }],
  ['String @default(nanoid(12))', 'text', { kind: 'nanoid', length: 12 }],
  ['String @default(ulid())', 'text', { kind: 'ulid' }],
  ['String @default(dbgenerated("gen_random_uuid()")) @db.Uuid', 'uuid', { kind: 'database' }],
  ['DateTime @default(now())', 'datetime', { kind: 'now' }],
  ['DateTime @db.Timestamptz(3)', 'datetime', null],
  ['DateTime @db.Timestamp', 'datetime', null],
  ['Bytes', 'bytes', null],
  ['Boolean @default(true)', 'boolean', { kind: 'literal', value: true }],
  ['Kind @default(A)', 'text', { kind: 'literal', value: 'A' }],
])('reads the id %s', async (type, canonical, value) => {
  const model = await readModel(
    'User',
    `enum Kind {
      A
      B
    }
    model User {
      id   ${type.replace(/^\S+/, '$& @id')}
      text String  /// @encrypted
      key  String? /// @kmsKey
    }`,
  )
  expect(model.contextId).toEqual([{ field: 'id', column: 'id', canonical, default: value }])
})

test.each([
  ['mysql', 'String', 'String @db.VarChar(30)', 191, 'text'],
  ['mysql', 'String @db.VarChar(300)', 'String @db.Char(26)', 300, 'padded-text'],
  ['mysql', 'String @db.Char(100)', 'Int @db.UnsignedInt', 100, 'integer'],
  ['mysql', 'String @db.TinyText', 'Int', 255, 'integer'],
  ['mysql', 'String @db.Text', 'DateTime @db.DateTime(3)', 65_535, 'datetime'],
  ['mysql', 'String @db.MediumText', 'Int', 16_777_215, 'integer'],
  ['mysql', 'String @db.LongText', 'Int', 4_294_967_295, 'integer'],
  ['mysql', 'Bytes', 'Bytes @db.VarBinary(16)', 4_294_967_295, 'bytes'],
  ['mysql', 'Bytes @db.VarBinary(64)', 'Int', 64, 'integer'],
  ['mysql', 'Bytes @db.TinyBlob', 'Int', 255, 'integer'],
  ['mysql', 'Bytes @db.Blob', 'Int', 65_535, 'integer'],
  ['mysql', 'Json', 'Int', null, 'integer'],
  ['postgresql', 'String @db.Text', 'Int', null, 'integer'],
  ['postgresql', 'String @db.VarChar', 'Int', null, 'integer'],
  ['postgresql', 'String @db.VarChar(64)', 'Int', 64, 'integer'],
  ['postgresql', 'Json @db.JsonB', 'Int', null, 'integer'],
  ['postgresql', 'Bytes @db.ByteA', 'Int', null, 'integer'],
  ['cockroachdb', 'String @db.String(80)', 'String @db.Uuid', 80, 'uuid'],
  ['sqlite', 'String', 'String', null, 'text'],
  ['sqlite', 'Bytes', 'DateTime', null, 'datetime'],
  ['sqlserver', 'String', 'String @db.UniqueIdentifier', 1000, 'uuid'],
  ['sqlserver', 'String @db.NVarChar(Max)', 'String @db.NVarChar(40)', null, 'text'],
  ['sqlserver', 'Bytes @db.VarBinary(80)', 'Int', 80, 'integer'],
])('knows the columns of %s: %s beside the id %s', async (database, type, id, capacity, canonical) => {
  const model = await readModel(
    'User',
    `model User {
      id   ${id.replace(/^\S+/, '$& @id')}
      text ${type} /// @encrypted
      key  String? /// @kmsKey
    }`,
    { database },
  )
  expect(model.encrypted['text']?.capacity).toBe(capacity)
  expect(model.contextId[0]?.canonical).toBe(canonical)
})

test('reads @@schema', async () => {
  const model = await readModel(
    'User',
    `model User {
      id   Int     @id
      text String  /// @encrypted
      key  String? /// @kmsKey
      @@schema("crm")
    }`,
    { datasource: 'schemas = ["public", "crm"]' },
  )
  expect(model).toMatchObject({ schema: 'crm', table: 'User' })
})

test('skips what is ignored, and reads lists, enums and @updatedAt', async () => {
  const models = await readSchema(`
    enum Role {
      ADMIN
      USER
    }
    model User {
      id      Int      @id
      role    Role     @default(USER)
      tags    String[]
      changed DateTime @updatedAt
      old     String?  @ignore /// @encrypted
      circle  Unsupported("circle")?
      text    String   /// @encrypted
      key     String?  /// @kmsKey
      logs    Log[]    @ignore
    }
    model Log {
      id     Int    @id
      userId Int
      user   User   @relation(fields: [userId], references: [id])
      text   String /// @encrypted
      @@ignore
    }`)
  expect(Object.keys(models)).toEqual(['User'])
  expect(models['User']?.scalars).toMatchObject({
    role: { type: 'Role', hasDefault: true },
    tags: { type: 'String', list: true },
    changed: { type: 'DateTime', updatedAt: true },
  })
  expect(Object.keys(models['User']?.scalars ?? {})).toEqual(['id', 'role', 'tags', 'changed', 'text', 'key'])
})
