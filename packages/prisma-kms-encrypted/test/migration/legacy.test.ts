/** Rows of other libraries: read where they are, and rewritten by encryptAll. */
import { readFileSync } from 'node:fs'
import { encryptAll, prismaFieldEncryption, railsKmsEncrypted, type KmsProvider } from '../../src/index.js'
import { canonicalContextJson } from '../../src/kms/context.js'
import { parseRailsKey } from '../../src/legacy/rails-key.js'
import { codeOf, errorOf, useExtendedDatabase } from '../support/extended-database.js'

interface Golden {
  readonly plaintext: string
  readonly stored: string
}
interface RailsRows {
  readonly dataKey: string
  readonly lockbox: readonly [Golden, Golden]
  readonly lockboxJson: Golden
  readonly attrEncrypted: readonly [Golden & { iv: string }, Golden & { iv: string }]
  readonly keys: Readonly<
    Record<string, Readonly<Record<'versioned' | 'unversioned' | 'emptyContext', string>>>
  >
}
const vectors = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))
const rails = vectors('legacy-rails') as RailsRows
const cloak = vectors('legacy-prisma-field-encryption') as {
  keys: [string, string]
  values: readonly Golden[]
}

const database = useExtendedDatabase()
const keys = { default: { keyId: 'insecure-test-key' }, phone: { keyId: 'local/phone' } }
const profileId = '7d9f2c1e-0000-4000-8000-000000000001'
const [lockbox, lockboxUtf8] = rails.lockbox
const [attr, attrLong] = rails.attrEncrypted

beforeEach(async () => {
  await database.sql('TRUNCATE "User", "Org", "Account", audit.audit_entries RESTART IDENTITY CASCADE')
  await database.sql(`INSERT INTO "User" (id, name, "updatedAt") VALUES (1, 'n', now())`)
})

/** `website` stands for the column of the nonce. */
const profiles = (options: Partial<Parameters<typeof railsKmsEncrypted>[0]> = {}) =>
  database.connect({
    keys,
    migrating: { User: 'write' },
    legacy: [
      railsKmsEncrypted({
        model: 'Profile',
        fields: { bio: 'lockbox', headline: { attrEncrypted: { iv: 'website' } } },
        ...options,
      }),
    ],
  })
const insertProfile = (
  key: string | undefined,
  bio = lockbox.stored,
  headline: Golden & { iv: string } = attr,
) =>
  database.sql(
    `INSERT INTO "Profile" (id, bio, headline, website, "userId", "encryptedKmsKey") VALUES ($1, $2, $3, $4, 1, $5)`,
    profileId,
    bio,
    headline.stored,
    headline.iv,
    key,
  )

describe('kms_encrypted', () => {
  test.each([
    ['versioned', {}],
    ['unversioned', {}],
    ['unversioned', { unversionedContext: () => ({ model_name: 'Profile', model_id: profileId }) }],
    ['emptyContext', { unversionedContext: 'empty' as const }],
  ] as const)('opens a row with a %s key, and rewrites it: %j', async (form, options) => {
    const { prisma } = profiles(options)
    await insertProfile(rails.keys['Profile']?.[form], lockboxUtf8.stored, attrLong)
    const values = { bio: lockboxUtf8.plaintext, headline: attrLong.plaintext }
    expect(await prisma.profile.findUnique({ where: { id: profileId } })).toMatchObject(values)
    expect(await prisma.profile.findUnique({ where: { id: profileId }, select: { headline: true } })).toEqual(
      {
        headline: attrLong.plaintext,
      },
    )
    expect(await prisma.user.findMany({ select: { profile: { select: { bio: true } } } })).toEqual([
      { profile: { bio: lockboxUtf8.plaintext } },
    ])
    expect(await encryptAll(prisma.profile, { verify: true })).toMatchObject({ done: 1, failed: 0 })
    const row = await database.stored('"Profile"', profileId)
    expect(row).toMatchObject({
      bio: expect.stringMatching(/^S0UB/),
      headline: expect.stringMatching(/^S0UB/),
    })
    expect(row['encryptedKmsKey']).not.toBe(rails.keys['Profile']?.[form])
    // No trace of the other library is needed any more.
    const { prisma: finished } = database.connect({ keys })
    expect(await finished.profile.findUnique({ where: { id: profileId } })).toMatchObject(values)
    expect(await encryptAll(prisma.profile)).toMatchObject({ done: 0, failed: 0 })
  })

  test('ids that are numbers, and JSON, which moves as text', async () => {
    await database.sql(
      'INSERT INTO audit.audit_entries (entry_id, action_name, detail_text, payload_json, encrypted_kms_key) VALUES (7, $1, $2, $3, $4)',
      'a',
      lockbox.stored,
      JSON.stringify(rails.lockboxJson.stored),
      rails.keys['AuditEntry']?.['unversioned'],
    )
    const { prisma } = database.connect({
      keys,
      legacy: [railsKmsEncrypted({ model: 'AuditEntry', fields: { detail: 'lockbox', payload: 'lockbox' } })],
    })
    const payload = JSON.parse(rails.lockboxJson.plaintext) as object
    expect(await prisma.auditEntry.findFirst()).toMatchObject({ detail: lockbox.plaintext, payload })
    expect(await encryptAll(prisma.auditEntry)).toMatchObject({ done: 1, failed: 0 })
    expect(await database.connect({ keys }).prisma.auditEntry.findFirst()).toMatchObject({ payload })
  })

  test('new rows are of the current format, and both are read together', async () => {
    const { prisma } = profiles()
    await insertProfile(rails.keys['Profile']?.['versioned'])
    await database.sql(`INSERT INTO "User" (id, name, "updatedAt") VALUES (2, 'm', now())`)
    await prisma.profile.create({ data: { bio: 'new', userId: 2 } })
    expect(await prisma.profile.findMany({ orderBy: { userId: 'asc' } })).toMatchObject([
      { bio: lockbox.plaintext },
      { bio: 'new' },
    ])
  })

  test('a record is imported as a whole: partial updates wait for it, whole ones do it', async () => {
    const { prisma } = profiles()
    await insertProfile(rails.keys['Profile']?.['unversioned'])
    const where = { id: profileId }
    expect(await codeOf(prisma.profile.update({ where, data: { bio: 'half' } }))).toBe(
      'UNSUPPORTED_OPERATION',
    )
    expect(await database.stored('"Profile"', profileId)).toMatchObject({ bio: lockbox.stored })
    await prisma.profile.update({ where, data: { bio: 'whole', headline: 'too' } })
    expect(await database.connect({ keys }).prisma.profile.findUnique({ where })).toMatchObject({
      bio: 'whole',
      headline: 'too',
    })
    await prisma.profile.update({ where, data: { bio: 'partial now' } })
    expect(await prisma.profile.findUnique({ where })).toMatchObject({ bio: 'partial now', headline: 'too' })
  })

  describe('beside a column of the same key that is no encrypted field here', () => {
    beforeAll(() =>
      database.sql(
        'ALTER TABLE "Profile" ADD COLUMN other text, ADD COLUMN other_iv text, ADD COLUMN raw bytea',
      ),
    )
    afterAll(() =>
      database.sql('ALTER TABLE "Profile" DROP COLUMN other, DROP COLUMN other_iv, DROP COLUMN raw'),
    )

    test.each([
      ['of Lockbox', lockboxUtf8.stored, null, null],
      ['of attr_encrypted', attrLong.stored, attrLong.iv, null],
      ['of Lockbox, in bytes', null, null, Buffer.from(lockboxUtf8.stored, 'base64')],
    ])('a record whose key a value %s needs is reported and left as it is', async (_, other, iv, raw) => {
      await insertProfile(rails.keys['Profile']?.['versioned'])
      await database.sql('UPDATE "Profile" SET other = $1, other_iv = $2, raw = $3', other, iv, raw)
      const before = await database.stored('"Profile"', profileId)
      const result = await encryptAll(profiles().prisma.profile)
      expect(result).toMatchObject({
        done: 0,
        failed: 1,
        failures: [{ error: { code: 'UNSUPPORTED_OPERATION' } }],
      })
      expect(result.failures[0]?.error.message).toContain(raw ? "'raw'" : "'other'")
      expect(await database.stored('"Profile"', profileId)).toEqual(before)
    })

    test('whatever else is there does not matter, and costs no call to the key service', async () => {
      const { prisma, kms } = database.connect({
        keys: { ...keys, default: { keyId: 'local/app' } },
        legacy: [railsKmsEncrypted({ model: 'Profile', fields: { bio: 'lockbox', headline: 'lockbox' } })],
      })
      const [wrapped] = await kms.wrap(
        'local/app',
        [
          {
            plaintext: Buffer.from(rails.dataKey, 'base64'),
            context: { model_name: 'Profile', model_id: profileId },
          },
        ],
        {},
      )
      if (!wrapped?.ok) throw new Error('not wrapped')
      await insertProfile(`v1:${Buffer.from(wrapped.value).toString('base64')}`, lockbox.stored, {
        ...attr,
        stored: lockboxUtf8.stored,
      })
      await database.sql(
        'UPDATE "Profile" SET other = $1, other_iv = $2, raw = $3',
        `A${lockbox.stored.slice(1)}`,
        '{"some": "JSON text, longer than a nonce"}',
        Buffer.alloc(64, 7),
      )
      kms.reset()
      expect(await encryptAll(prisma.profile)).toMatchObject({ done: 1, failed: 0 })
      expect(kms.counts).toMatchObject({ unwrap: { calls: 1 }, wrap: { calls: 1 } })
    })
  })

  test('values of two formats under one key are refused', async () => {
    const { prisma } = profiles()
    await insertProfile(rails.keys['Profile']?.['versioned'])
    await prisma.profile.update({ where: { id: profileId }, data: { bio: 'a', headline: 'b' } })
    await database.sql('UPDATE "Profile" SET headline = $1', attr.stored)
    expect(await codeOf(prisma.profile.findMany())).toBe('DECRYPTION_FAILED')
    expect(await encryptAll(prisma.profile)).toMatchObject({ done: 0, failed: 1 })
  })

  test('empty text, which neither gem encrypts, and null', async () => {
    const { prisma } = profiles()
    await database.sql(`INSERT INTO "Profile" (id, bio, "userId") VALUES ($1, '', 1)`, profileId)
    expect(await prisma.profile.findFirst()).toMatchObject({ bio: '', headline: null })
    expect(await encryptAll(prisma.profile)).toMatchObject({ done: 1, failed: 0 })
    expect(await prisma.profile.findFirst()).toMatchObject({ bio: '', headline: null })
  })

  test.each([
    ['a key of another record', rails.keys['Comment']?.['versioned'], lockbox.stored, 'DECRYPTION_FAILED'],
    ['no key', undefined, lockbox.stored, 'KEY_MISSING'],
    ['a key column of nothing known', '?', lockbox.stored, 'INVALID_KEY_COLUMN'],
    [
      'a changed value',
      rails.keys['Profile']?.['versioned'],
      `A${lockbox.stored.slice(1)}`,
      'DECRYPTION_FAILED',
    ],
    ['plaintext', rails.keys['Profile']?.['versioned'], 'plain text', 'DECRYPTION_FAILED'],
    [
      'a version that is not configured',
      rails.keys['Profile']?.['versioned']?.replace('v1', 'v3'),
      lockbox.stored,
      'UNKNOWN_KEY_VERSION',
    ],
  ])('%s is refused, and reported by encryptAll', async (_, key, bio, code) => {
    const { prisma } = profiles()
    await insertProfile(key, bio)
    const error = await errorOf(prisma.profile.findMany())
    expect(error.code).toBe(code)
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain(bio)
    const before = await database.stored('"Profile"', profileId)
    expect(await encryptAll(prisma.profile)).toMatchObject({
      failed: 1,
      failures: [{ id: profileId, error: { code } }],
    })
    expect(await database.stored('"Profile"', profileId)).toEqual(before)
  })

  test.each([
    ['vault:v1:AAAA', 'vault:v1:AAAA', null],
    [
      `$gc$${Buffer.from('p/europe/ring/key/3').toString('base64')}\n$${Buffer.from('wrapped').toString('base64')}\n`,
      'wrapped',
      'projects/p/locations/europe/keyRings/ring/cryptoKeys/key',
    ],
  ])('%s: Google Cloud and Vault get the exact text that Rails sent', async (text, ciphertext, keyId) => {
    expect(parseRailsKey(text, 'Profile.key')).toMatchObject({ version: 1, unversioned: true, keyId })
    const seen: string[] = []
    const service: KmsProvider = {
      name: 'stand-in',
      accepts: (id) => id === 'stand-in',
      wrap: () => Promise.reject(new Error('not asked')),
      unwrap: (_, items) => {
        for (const item of items)
          seen.push(`${Buffer.from(item.ciphertext).toString()} ${canonicalContextJson(item.context)}`)
        return Promise.resolve(
          items.map(() => ({ ok: true as const, value: Buffer.from(rails.dataKey, 'base64') })),
        )
      },
    }
    const { plain } = database.connect()
    const { kmsEncrypted } = await import('../../src/index.js')
    const { encryptedModels } = await import('../generated/kms-encrypted.js')
    const { indexKey } = await import('../support/extended-client.js')
    const connect = (options: object) =>
      plain.$extends(
        kmsEncrypted({
          models: encryptedModels,
          indexKey,
          providers: [service],
          keys: { default: { keyId: 'stand-in' }, phone: { keyId: 'stand-in' } },
          legacy: [
            railsKmsEncrypted({
              model: 'AuditEntry',
              fields: { detail: 'lockbox', payload: 'lockbox' },
              ...options,
            }),
          ],
        }),
      )
    await database.sql(
      'INSERT INTO audit.audit_entries (entry_id, action_name, detail_text, encrypted_kms_key) VALUES (7, $1, $2, $3)',
      'a',
      lockbox.stored,
      text,
    )
    expect(await connect({}).auditEntry.findFirst()).toMatchObject({ detail: lockbox.plaintext })
    await connect({ unversionedContext: 'empty' }).auditEntry.findFirst()
    await connect({ railsModel: 'Log<Entry>' }).auditEntry.findFirst()
    expect(seen).toEqual([
      `${ciphertext} {"model_name":"AuditEntry","model_id":7}`,
      `${ciphertext} {}`,
      `${ciphertext} {"model_name":"Log\\u003cEntry\\u003e","model_id":7}`,
    ])
    const other = connect({ googleKeyId: 'projects/other/locations/l/keyRings/r/cryptoKeys/k' })
    expect(await codeOf(other.auditEntry.findFirst())).toBe(keyId === null ? null : 'UNKNOWN_KEY_ID')
  })
})

describe('prisma-field-encryption', () => {
  const fields = { Account: ['email', 'phone', 'city', 'taxId', 'badge'] }
  const opener = (options = {}) => prismaFieldEncryption({ fields, keys: cloak.keys, ...options })

  test('opens values of all its keys, and rewrites them with their indexes', async () => {
    const [email, taxId, badge] = cloak.values
    await database.sql(
      'INSERT INTO "Account" (email, "taxId", badge, "updatedAt") VALUES ($1, $2, $3, now())',
      email?.stored,
      taxId?.stored,
      badge?.stored,
    )
    const { prisma } = database.connect({ legacy: [opener()] })
    const values = { email: email?.plaintext, taxId: taxId?.plaintext, badge: '' }
    expect(await prisma.account.findFirst()).toMatchObject(values)
    // Until the indexes are filled, a search would miss the record.
    expect(await codeOf(prisma.account.findMany({ where: { email: 'ada@example.com' } }))).toBe(
      'ENCRYPTED_FILTER',
    )
    const filling = database.connect({ legacy: [opener()], migrating: { Account: 'read' } })
    expect(await encryptAll(filling.prisma.account)).toMatchObject({ done: 1, failed: 0 })
    expect(await database.stored('"Account"', 1)).toMatchObject({
      email: email?.stored,
      emailBidx: expect.any(String),
    })
    const indexed = database.connect({ legacy: [opener({ indexed: true })] })
    expect(await indexed.prisma.account.findUnique({ where: { email: 'ADA@example.com' } })).toMatchObject(
      values,
    )
    expect(await encryptAll(indexed.prisma.account)).toMatchObject({ done: 1, failed: 0 })
    const finished = database.connect().prisma
    expect(await finished.account.findUnique({ where: { email: 'ada@example.com' } })).toMatchObject(values)
  })

  test('plaintext beside it, which that library returns as it is, needs `migrating`', async () => {
    await database.sql(
      'INSERT INTO "Account" (email, "taxId", "updatedAt") VALUES ($1, $2, now())',
      cloak.values[0]?.stored,
      'plain',
    )
    expect(await codeOf(database.connect({ legacy: [opener()] }).prisma.account.findFirst())).toBe(
      'PLAINTEXT_FOUND',
    )
    const { prisma } = database.connect({ legacy: [opener()], migrating: { Account: 'write' } })
    expect(await prisma.account.findFirst()).toMatchObject({ email: 'ada@example.com', taxId: 'plain' })
    expect(await encryptAll(prisma.account)).toMatchObject({ done: 1, failed: 0 })
    expect(await database.connect().prisma.account.findFirst()).toMatchObject({
      email: 'ada@example.com',
      taxId: 'plain',
    })
  })

  test('a key that is not given is named by its fingerprint', async () => {
    await database.sql(
      'INSERT INTO "Account" (email, "updatedAt") VALUES ($1, now())',
      cloak.values[1]?.stored,
    )
    const { prisma } = database.connect({ legacy: [opener({ keys: [cloak.keys[0]] })] })
    const error = await errorOf(prisma.account.findFirst())
    expect(error).toMatchObject({ code: 'DECRYPTION_FAILED' })
    expect(error.message).toContain(cloak.values[1]?.stored.split('.')[2])
    expect(() => opener({ keys: ['k1.aesgcm256.short'] })).toThrow('k1.aesgcm256')
  })
})

test.each([
  [prismaFieldEncryption({ fields: { Account: ['email'] }, keys: [] }), 'not listed'],
  [prismaFieldEncryption({ fields: { Account: ['label'] }, keys: [] }), 'no encrypted field'],
  [
    railsKmsEncrypted({ model: 'Post', fields: { body: { attrEncrypted: { iv: 'bodyIv' } } } }),
    'no plain column',
  ],
  [{ name: 'mine', fields: {} } as never, 'LegacyOpener'],
])('an unusable opener is refused', async (opener, message) => {
  const error = await errorOf(Promise.resolve().then(() => database.connect({ legacy: [opener] })))
  expect(error).toMatchObject({ code: 'INVALID_CONFIGURATION' })
  expect(error.message).toContain(message)
})
