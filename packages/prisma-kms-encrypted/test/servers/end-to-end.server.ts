/** PostgreSQL, the extension and real servers: 1,000 rows through AWS, Vault, Google Cloud and back to AWS. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rotateAll } from '../../src/index.js'
import type { KeyConfig } from '../../src/index.js'
import { awsKms } from '../../src/providers/aws.js'
import { gcpKms } from '../../src/providers/gcp.js'
import { vaultTransit } from '../../src/providers/vault.js'
import { createKey, createTestClient } from './aws-keys.js'
import { startGoogleKms, type GoogleKms } from './google-kms.js'
import { openBaoAt } from './openbao.js'
import { useServiceDatabase, type Instance } from './service-clients.js'

const database = useServiceDatabase()
const awsClient = createTestClient(process.env['TEST_LOCAL_KMS'] ?? '', 'eu-west-2')
const bao = openBaoAt(process.env['TEST_OPENBAO'] ?? '')
const rows = 1_000
const current = { aws: 1, vault: 2, google: 3 } as const
let google: GoogleKms
let mount = ''
let versions: Record<number, { keyId: string }>

beforeAll(async () => {
  google = await startGoogleKms()
  mount = await bao.mountTransit()
  await bao.root.write(`${mount}/keys/app`, { derived: true })
  versions = {
    [current.aws]: { keyId: await createKey(awsClient) },
    [current.vault]: { keyId: 'vault/app' },
    [current.google]: { keyId: google.keyId },
  }
})
afterAll(async () => {
  awsClient.destroy()
  await google.stop()
})

/** An instance with all three services; `only` knows a single version, as after a switch is over. */
function start(key: KeyConfig): Instance {
  return database.start({
    providers: [
      awsKms({ client: awsClient }),
      vaultTransit({ address: bao.address, token: 'root', mount }),
      gcpKms({ client: google.client }),
    ],
    key,
  })
}
const startAt = (version: number): Instance => start({ current: version, versions })
const startWithOnly = (version: number): Instance =>
  start({ current: version, versions: { [version]: versions[version] ?? { keyId: '' } } })

const userOf = (index: number) => ({
  name: `name ${index}`,
  email: index % 3 === 0 ? null : `user${index}@example.com`,
  notes: { index, tags: ['a', 'b'] },
})
const expected = Array.from({ length: rows }, (_, index) => userOf(index))

async function expectAllReadable(instance: Instance): Promise<void> {
  const select = { name: true, email: true, notes: true } as const
  expect(await instance.user.findMany({ select, orderBy: { id: 'asc' } })).toEqual(expected)
}

const wrappedKeys = async (): Promise<unknown[]> =>
  (await database.sql('SELECT "encryptedKmsKey" FROM "User" ORDER BY id')).map(
    (row) => row['encryptedKmsKey'],
  )

test('creates 1,000 rows, each with a key of its own, and no plaintext reaches the database', async () => {
  await startAt(current.aws).user.createMany({ data: expected })
  expect(await database.versions()).toEqual({ v1: rows })
  expect(new Set(await wrappedKeys()).size).toBe(rows)
  const stored = JSON.stringify(await database.sql('SELECT * FROM "User"'))
  expect(stored).not.toMatch(/name \d|@example\.com|tags/)
})

test('reads them in another process of the application', async () => {
  await expectAllReadable(startWithOnly(current.aws))
})

test('rotates inside the service: new wrapped keys, the same values and times', async () => {
  const before = { keys: await wrappedKeys(), times: await database.sql('SELECT "updatedAt" FROM "User"') }
  const result = await rotateAll(startAt(current.aws).user, { key: 'default', force: true })
  expect(result).toMatchObject({ done: rows, failed: 0 })
  const keys = await wrappedKeys()
  expect(keys.filter((key, index) => key === before.keys[index])).toEqual([])
  expect(await database.sql('SELECT "updatedAt" FROM "User"')).toEqual(before.times)
  await expectAllReadable(startWithOnly(current.aws))
})

test.each([
  ['AWS to Vault', current.vault],
  ['Vault to Google', current.google],
  ['Google back to AWS', current.aws],
])('switches from %s', async (_, version) => {
  const instance = startAt(version)
  await expectAllReadable(instance)
  const result = await rotateAll(instance.user, { key: 'default' })
  expect(result).toMatchObject({ done: rows, skipped: 0, failed: 0 })
  expect(await database.versions()).toEqual({ [`v${version}`]: rows })
  await expectAllReadable(startWithOnly(version))
})

test('Vault: after a rotation of the transit key, stored keys move to its new version on demand', async () => {
  await database.sql('TRUNCATE "User" CASCADE')
  const instance = startWithOnly(current.vault)
  await instance.user.createMany({ data: expected.slice(0, 20) })
  const transitVersions = async (): Promise<unknown[]> => {
    const entries = (await wrappedKeys()).map((key) => Buffer.from(String(key).slice(3), 'base64').toString())
    return [...new Set(entries.map((entry) => /^vault:(v\d+):/.exec(entry)?.[1]))]
  }
  await bao.root.write(`${mount}/keys/app/rotate`, {})
  expect(await transitVersions()).toEqual(['v1'])
  await rotateAll(instance.user, { key: 'default', force: true })
  expect(await transitVersions()).toEqual(['v2'])
  await bao.root.write(`${mount}/keys/app/config`, { min_decryption_version: 2 })
  const names = (await instance.user.findMany({ orderBy: { id: 'asc' } })).map(({ name }) => name)
  expect(names).toEqual(expected.slice(0, 20).map(({ name }) => name))
})

test('the log of the service shows which record was opened, by the hash of its context', async () => {
  const device = `file-${mount}`
  const file = join(tmpdir(), `${device}.log`)
  await bao.root.write(`sys/audit/${device}`, { type: 'file', options: { file_path: file, mode: '0644' } })
  const writer = startWithOnly(current.vault)
  const [ada, bob] = await Promise.all(['Ada', 'Bob'].map((name) => writer.user.create({ data: { name } })))
  const kms = vaultTransit({ address: bao.address, token: 'root', mount })
  const hashOf = (id = 0) => kms.contextHash?.(writer.$kms.context('User', id), device)
  await writeFile(file, '') // only what comes now
  await startWithOnly(current.vault).user.findUniqueOrThrow({ where: { id: ada?.id ?? 0 } })
  const log = await readFile(file, 'utf8')
  expect(log).toContain(`${mount}/decrypt/app`)
  expect(log).toContain(await hashOf(ada?.id))
  expect(log).not.toContain(await hashOf(bob?.id))
  await bao.root.delete(`sys/audit/${device}`)
  await rm(file)
})
