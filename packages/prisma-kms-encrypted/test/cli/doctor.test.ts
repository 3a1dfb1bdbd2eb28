/** What `doctor` finds wrong, on a real database and with key services that behave as they must not. */
import { readFileSync } from 'node:fs'
import { checkDatabase } from '../../src/cli/doctor/check-database.js'
import { checkEnvironment, compareVersions, oldestVersions } from '../../src/cli/doctor/check-environment.js'
import { checkKeys } from '../../src/cli/doctor/check-keys.js'
import { checkRotation, rotationControls } from '../../src/cli/doctor/check-rotation.js'
import { compareModels } from '../../src/cli/doctor/check-schema.js'
import { check, filterChecks, isAtLeast, type Check } from '../../src/cli/doctor/check.js'
import { listKeyUses } from '../../src/cli/doctor/key-uses.js'
import { renderChecks } from '../../src/cli/commands/doctor.js'
import { runtimeOfClient } from '../../src/extension/registry.js'
import { kmsFailure } from '../../src/kms/failure.js'
import type { KeyDescription, KmsProvider } from '../../src/kms/provider.js'
import { localKms } from '../../src/providers/local.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import { localKeys } from '../support/extended-client.js'
import { useExtendedDatabase, versionsAt } from '../support/extended-database.js'
import { keepTerminal } from './terminal-stub.js'

const database = useExtendedDatabase()
const same = (text: string) => text
const now = new Date('2026-11-27T12:00:00Z')

/** Each check that is not OK, as `subject: id severity`. */
const wrong = (checks: readonly Check[]) =>
  checks
    .filter(({ severity }) => severity !== 'OK')
    .map(({ subject, id, severity }) => `${subject}: ${id} ${severity}`)
const runtimeWith = (config?: Parameters<typeof database.connect>[0]) =>
  runtimeOfClient(database.connect({ namespace: 'tests', ...config }).prisma, 'test')

/** The uses of a client's keys, with another key service behind them. */
function usesWith(change: (provider: KmsProvider) => Partial<KmsProvider>, config?: object) {
  const runtime = runtimeWith(config)
  const bare = localKms({ keys: localKeys })
  const provider = { ...bare, ...change(bare) }
  return { runtime, uses: listKeyUses(runtime).map((use) => ({ ...use, provider })) }
}

describe('the database', () => {
  const inTransaction = async (sql: string, back: string) => {
    await database.sql(sql)
    try {
      return await checkDatabase(runtimeWith(), same)
    } finally {
      await database.sql(back)
    }
  }

  test('is in order after the migrations, with one row a model', async () => {
    const checks = await checkDatabase(runtimeWith(), same)
    expect(wrong(checks)).toEqual([
      'Account.cityBidx: search-index WARN',
      'Account.taxIdBidx: search-index WARN',
    ])
    expect(checks.map(({ subject }) => subject)).toEqual(
      expect.arrayContaining(['User', 'Profile', 'Comment', 'AuditEntry']),
    )
  })

  test.each([
    [
      'a missing column',
      'ALTER TABLE comments RENAME comment_text TO other',
      'ALTER TABLE comments RENAME other TO comment_text',
      'Comment.text: columns CRITICAL',
    ],
    [
      'a missing table',
      'ALTER TABLE "Device" RENAME TO "Gone"',
      'ALTER TABLE "Gone" RENAME TO "Device"',
      'Device: columns CRITICAL',
    ],
    [
      'a VARCHAR that is shorter than the schema says',
      'ALTER TABLE "Post" ALTER body TYPE varchar(255)',
      'ALTER TABLE "Post" ALTER body TYPE text',
      'Post.body: length CRITICAL',
    ],
    [
      'a key column that holds no wrapped key',
      'ALTER TABLE "Post" ALTER "encryptedKmsKey" TYPE varchar(191)',
      'ALTER TABLE "Post" ALTER "encryptedKmsKey" TYPE text',
      'Post.encryptedKmsKey: length CRITICAL',
    ],
    [
      'bytes in a text column',
      'ALTER TABLE "User" ALTER avatar TYPE text USING NULL',
      'ALTER TABLE "User" ALTER avatar TYPE bytea USING NULL',
      'User.avatar: type CRITICAL',
    ],
    [
      'a unique index that is not there',
      'DROP INDEX "Account_emailBidx_key"',
      'CREATE UNIQUE INDEX "Account_emailBidx_key" ON "Account" ("emailBidx")',
      'Account.emailBidx: unique-index CRITICAL',
    ],
    [
      'a unique index on ciphertext',
      'CREATE UNIQUE INDEX ciphertext ON "Post" (body)',
      'DROP INDEX ciphertext',
      'Post.body: unique-ciphertext WARN',
    ],
  ])('%s', async (_, sql, back, finding) => {
    const checks = await inTransaction(sql, back)
    expect(wrong(checks)).toContain(finding)
    expect(
      checks.filter(({ severity }) => severity !== 'OK').every(({ fix }) => (fix?.length ?? 0) > 10),
    ).toBe(true)
  })

  test('a partial unique index does not make a blind index unique', async () => {
    const checks = await inTransaction(
      `DROP INDEX "Account_emailBidx_key"; CREATE UNIQUE INDEX partly ON "Account" ("emailBidx") WHERE id > 5`,
      'DROP INDEX partly; CREATE UNIQUE INDEX "Account_emailBidx_key" ON "Account" ("emailBidx")',
    )
    expect(wrong(checks)).toContain('Account.emailBidx: unique-index CRITICAL')
  })
})

describe('the keys', () => {
  beforeAll(async () => {
    const { prisma } = database.connect({ namespace: 'tests' })
    await prisma.user.create({ data: { name: 'old', phone: '1' } })
  })

  test('are in order when they wrap, unwrap and hold to their context', async () => {
    const runtime = runtimeWith(versionsAt(2))
    const checks = await checkKeys(runtime, listKeyUses(runtime), same)
    expect(wrong(checks)).toEqual([])
    expect(checks.map(({ subject, id }) => `${subject} ${id}`)).toEqual(
      expect.arrayContaining([
        'default v1 unwrap',
        'default v1 stored-keys',
        'index key index-key',
        'phone wrap',
      ]),
    )
  })

  test('a service that denies everything', async () => {
    const { runtime, uses } = usesWith(() => ({
      wrap: (keyId, items) =>
        Promise.resolve(
          items.map(() => ({
            ok: false,
            error: kmsFailure('KMS_ACCESS_DENIED', { provider: 'local', keyId, operation: 'wrap' }),
          })),
        ),
    }))
    expect(wrong(await checkKeys(runtime, uses, same))).toContain('default: wrap CRITICAL')
  })

  test('a service that does not enforce the context', async () => {
    const fixed = { purpose: 'the same for all' }
    const { runtime, uses } = usesWith((bare) => ({
      wrap: (keyId, items, call) =>
        bare.wrap(
          keyId,
          items.map((item) => ({ ...item, context: fixed })),
          call,
        ),
      unwrap: (keyId, items, call) =>
        bare.unwrap(
          keyId,
          items.map((item) => ({ ...item, context: fixed })),
          call,
        ),
    }))
    expect(wrong(await checkKeys(runtime, uses, same))).toEqual([
      'default: context-enforced CRITICAL',
      'phone: context-enforced CRITICAL',
    ])
  })

  test('an encrypt-only server that may decrypt after all, and one that may not', async () => {
    const may = usesWith(() => ({}), { mode: 'encrypt-only' })
    expect(wrong(await checkKeys(may.runtime, may.uses, same))).toEqual([
      'default: unwrap CRITICAL',
      'phone: unwrap CRITICAL',
    ])
    const denied = usesWith(
      () => ({
        unwrap: (keyId, items) =>
          Promise.resolve(
            items.map(() => ({
              ok: false,
              error: kmsFailure('KMS_ACCESS_DENIED', { provider: 'local', keyId, operation: 'unwrap' }),
            })),
          ),
      }),
      { mode: 'encrypt-only' },
    )
    expect(wrong(await checkKeys(denied.runtime, denied.uses, same))).toEqual([])
  })

  test('a decrypt-only server that may encrypt after all', async () => {
    const { runtime, uses } = usesWith(() => ({}), { mode: 'decrypt-only' })
    expect(wrong(await checkKeys(runtime, uses, same))).toEqual(['default: wrap WARN', 'phone: wrap WARN'])
  })

  test('a stored key that does not open, and one of a version that nobody configured', async () => {
    const [row] = await database.sql('SELECT id, "encryptedKmsKey" AS key FROM "User" ORDER BY id LIMIT 1')
    const restore = () =>
      database.sql('UPDATE "User" SET "encryptedKmsKey" = $1 WHERE id = $2', row?.['key'], row?.['id'])
    try {
      await database.sql(`UPDATE "User" SET "encryptedKmsKey" = 'v1:AAAAAAAAAAAA'`)
      const one = runtimeWith()
      expect(wrong(await checkKeys(one, listKeyUses(one), same))).toEqual(['default: stored-keys CRITICAL'])
      await database.sql(`UPDATE "User" SET "encryptedKmsKey" = 'v9:AAAAAAAAAAAA'`)
      const two = runtimeWith()
      expect(wrong(await checkKeys(two, listKeyUses(two), same))).toEqual([
        'User, key default: stored-keys CRITICAL',
      ])
    } finally {
      await restore()
    }
  })

  test('a custom context without the record’s id', async () => {
    const keys = {
      default: { keyId: 'local/app', context: () => ({ app: 'one' }), rowBinding: 'off' },
      phone: { keyId: 'local/phone' },
    }
    const runtime = runtimeWith({ keys } as object)
    expect(wrong(await checkKeys(runtime, listKeyUses(runtime), same))).toContain('default: row-binding WARN')
  })

  test('no namespace, and records of another one', async () => {
    const { prisma } = database.connect()
    const runtime = runtimeOfClient(prisma, 'test')
    expect(wrong(await checkKeys(runtime, listKeyUses(runtime), same))).toEqual([
      'default: stored-keys CRITICAL',
      'default: namespace WARN',
      'phone: stored-keys CRITICAL',
      'phone: namespace WARN',
    ])
  })

  test('no probe holds anything of a record', async () => {
    const seen: unknown[] = []
    const { runtime, uses } = usesWith((bare) => ({
      wrap: (keyId, items, call) => {
        seen.push(...items.map(({ context }) => context))
        return bare.wrap(keyId, items, call)
      },
    }))
    await checkKeys(runtime, uses, same)
    expect(seen).toMatchObject(uses.map(() => ({ model_id: 'kms-encrypted-doctor' })))
  })
})

describe('rotation', () => {
  const description: KeyDescription = {
    keyId: 'local/app',
    enabled: true,
    automaticRotation: true,
    rotationPeriodDays: 365,
    lastRotation: new Date('2026-05-01'),
    nextRotation: new Date('2027-05-01'),
    multiRegion: null,
    derived: null,
    account: '111122223333',
    tags: { env: 'production' },
  }
  const described = async (change: Partial<KeyDescription>) => {
    const { uses } = usesWith(() => ({
      describeKey: (keyId) => Promise.resolve({ ...description, keyId, ...change }),
    }))
    return checkRotation(uses.slice(0, 1), same, now)
  }

  test('a rotated key: its row carries account, key id, dates, status and controls', async () => {
    const [, rotation] = await described({})
    expect(rotation).toMatchObject({
      severity: 'OK',
      account: '111122223333',
      keyId: 'local/app',
      tags: { env: 'production' },
      rotation: { automatic: true, periodDays: 365, last: '2026-05-01', next: '2027-05-01' },
    })
    expect(rotation?.rotation?.controls).toEqual(rotationControls)
    for (const part of [
      '3.6.4',
      '3.6.5',
      '164.312(d)',
      '164.312(e)(i)',
      'A.12.4.1',
      'A.12.4.3',
      'SC-12',
      'SC-13',
      'SC-17',
      'SC-28',
      'Art. 30',
    ])
      expect(rotationControls.join()).toContain(part)
  })

  test.each<[string, Partial<KeyDescription>, string]>([
    ['off', { automaticRotation: false, nextRotation: null }, 'local/app: rotation WARN'],
    ['unknown', { automaticRotation: null }, 'local/app: rotation WARN'],
    ['overdue', { nextRotation: new Date('2026-11-01') }, 'local/app: rotation CRITICAL'],
    ['a disabled key', { enabled: false }, 'default: key-state CRITICAL'],
    ['a transit key without derivation', { derived: false }, 'default: derived CRITICAL'],
    ['one region of a multi-Region key', { multiRegion: true }, 'default: replicas WARN'],
    [
      'a replica that cannot be reached',
      {
        multiRegion: true,
        regions: [
          { region: 'us-east-1', enabled: true },
          { region: 'eu-west-1', enabled: null },
        ],
      },
      'default: replicas CRITICAL',
    ],
  ])('%s', async (_, change, finding) => {
    expect(wrong(await described(change))).toEqual([finding])
  })

  test('a key that does not exist', async () => {
    const { uses } = usesWith(() => ({
      describeKey: (keyId) =>
        Promise.reject(
          kmsFailure('KMS_KEY_NOT_FOUND', { provider: 'local', keyId, operation: 'describeKey' }),
        ),
    }))
    expect(wrong(await checkRotation(uses.slice(0, 1), same, now))).toEqual(['local/app: rotation CRITICAL'])
  })
})

test('the generated models of an older schema are told by the first path that differs', () => {
  expect(wrong(compareModels(encryptedModels, encryptedModels))).toEqual([])
  const { email, ...encrypted } = encryptedModels.User.encrypted
  const [found] = compareModels(encryptedModels, {
    ...encryptedModels,
    User: { ...encryptedModels.User, encrypted },
  })
  expect(email.key).toBe('default')
  expect(found).toMatchObject({
    severity: 'CRITICAL',
    subject: 'User',
    finding: expect.stringContaining('User.encrypted.email'),
  })
})

test('versions: those of package.json are the oldest, and older ones are refused', () => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const manifest = JSON.parse(text) as { peerDependencies: Record<string, string>; engines: { node: string } }
  const oldest = Object.entries({ ...manifest.peerDependencies, node: manifest.engines.node })
    .map(([name, range]) => [
      name,
      `${/\d[\d.]*/.exec(range)?.[0] ?? ''}.0.0`.split('.').slice(0, 3).join('.'),
    ])
    .filter(([name = '']) => name in oldestVersions)
  expect(Object.fromEntries(oldest)).toEqual(oldestVersions)
  expect([compareVersions('v20.9.1', '20.19.0') < 0, compareVersions('21.0.0-rc.1', '20.19.0') > 0]).toEqual([
    true,
    true,
  ])
  expect(wrong(checkEnvironment([], import.meta.filename, 'v18.20.0'))).toEqual(['node: versions CRITICAL'])
})

test('filters choose by account, tag, model and key; severities are ordered', () => {
  const one = check('Keys', 'wrap', 'OK', 'default', '', {
    models: ['User'],
    key: 'default',
    keyId: 'alias/app',
    account: '1',
    tags: { env: 'prod' },
  })
  const two = check('Keys', 'wrap', 'WARN', 'phone', '', {
    models: ['Post'],
    key: 'phone',
    keyId: 'alias/p',
    account: '2',
  })
  const chosen = (filter: Parameters<typeof filterChecks>[1]) => filterChecks([one, two], filter)
  expect(chosen({ account: '1' })).toEqual([one])
  expect(chosen({ tag: 'env=prod' })).toEqual([one])
  expect(chosen({ tag: 'env' })).toEqual([one])
  expect(chosen({ tag: 'env=test' })).toEqual([])
  expect(chosen({ model: 'post' })).toEqual([two])
  expect(chosen({ key: 'alias/app' })).toEqual([one])
  expect(chosen({ key: 'phone' })).toEqual([two])
  expect(isAtLeast('WARN', 'CRITICAL') || !isAtLeast('CRITICAL', 'WARN')).toBe(false)
})

test('on a terminal no line is longer than it is wide', () => {
  const long = 'a finding that says in many words what is wrong here '.repeat(3)
  const checks = [
    check('Keys', 'context-enforced', 'CRITICAL', 'default', long, { fix: long }),
    check('Rotation', 'rotation', 'WARN', `arn:aws:kms:us-east-1:111122223333:key/${'a'.repeat(36)}`, long, {
      fix: long,
    }),
  ]
  for (const columns of [120, 80, 60, 40]) {
    const text = renderChecks(checks, checks, keepTerminal([], columns))
    const lines = text.split('\n').filter((line) => !line.includes('arn:'))
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
    expect(text.replaceAll(/\s+/g, ' ')).toContain('1 WARN 1 CRITICAL')
  }
})
