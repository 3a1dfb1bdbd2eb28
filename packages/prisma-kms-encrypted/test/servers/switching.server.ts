/**
 * Switching as a rolling deploy does it: old and new instances of an application run against one table through all
 * stages, and both write all the time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { rotateAll } from '../../src/index.js'
import type { KeyConfig } from '../../src/index.js'
import { awsKms } from '../../src/providers/aws.js'
import { gcpKms } from '../../src/providers/gcp.js'
import { vaultTransit } from '../../src/providers/vault.js'
import { codeOf } from '../support/extended-database.js'
import { createKey, createTestClient } from './aws-keys.js'
import { startGoogleKms, type GoogleKms } from './google-kms.js'
import { openBaoAt } from './openbao.js'
import { useServiceDatabase, type Instance } from './service-clients.js'

const database = useServiceDatabase()
const awsClient = createTestClient(process.env['TEST_LOCAL_KMS'] ?? '', 'eu-west-2')
const bao = openBaoAt(process.env['TEST_OPENBAO'] ?? '')
const keyIds = { aws: '', otherAws: '', vault: 'vault/app', google: '' }
let google: GoogleKms
let mount = ''

beforeAll(async () => {
  google = await startGoogleKms()
  mount = await bao.mountTransit()
  await bao.root.write(`${mount}/keys/app`, { derived: true })
  keyIds.aws = await createKey(awsClient)
  keyIds.otherAws = await createKey(awsClient)
  keyIds.google = google.keyId
})
beforeEach(() => database.sql('TRUNCATE "User" CASCADE'))
afterAll(async () => {
  awsClient.destroy()
  await google.stop()
})

/** Starts an instance; each has providers, connections and policies of its own. */
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

/** What one instance writes and reads until it is stopped; it knows what each of its records must hold. */
function startTraffic(name: string, first: Instance) {
  let instance = first
  let isRunning = true
  let writes = 0
  const own = new Map<number, { name: string; email: string | null }>()
  const check = async (ids: readonly number[]): Promise<void> => {
    const found = await instance.user.findMany({ where: { id: { in: [...ids] } } })
    const values = new Map(found.map((user) => [user.id, { name: user.name, email: user.email }]))
    for (const id of ids) expect(values.get(id)).toEqual(own.get(id))
  }
  const work = async (): Promise<void> => {
    while (isRunning) {
      const label = `${name} ${writes}`
      const created = await instance.user.create({ data: { name: label, email: `${label}@example.com` } })
      own.set(created.id, { name: label, email: `${label}@example.com` })
      const [oldest = created.id] = own.keys()
      const random = [...own.keys()][(writes * 7919) % own.size] ?? oldest
      // A partial write, one of all encrypted fields, one of many rows, and one inside a transaction.
      const data = [{ email: `${label}+` }, { name: `${label}!`, email: null }][writes % 2] ?? {}
      if (writes % 3 === 0) await instance.user.updateMany({ where: { id: random }, data })
      else if (writes % 3 === 1) await instance.user.update({ where: { id: random }, data })
      else await instance.$transaction((tx) => tx.user.update({ where: { id: random }, data }))
      own.set(random, { ...(own.get(random) ?? { name: '', email: null }), ...data })
      await check([created.id, oldest, random])
      writes += 1
      await sleep(1)
    }
  }
  const running = work()
  running.catch(() => undefined) // reported when it is stopped
  return {
    /** A restart with another configuration: what is under way ends in the old one. */
    deploy(next: Instance): void {
      instance = next
    },
    /** Lets it run until it has written some more. */
    async goOn(count = 6): Promise<void> {
      const until = writes + count
      while (writes < until) await Promise.race([running, sleep(5)])
    },
    get owned(): ReadonlyMap<number, object> {
      return own
    },
    async stop(): Promise<void> {
      isRunning = false
      await running
      await check([...own.keys()])
    },
  }
}

const contextWithTenant = ({ model, id }: { model: string; id: string }) => ({
  model_name: model,
  model_id: id,
  tenant: 'a',
})

test.each([
  ['key to key', () => ({ keyId: keyIds.aws }), () => ({ keyId: keyIds.otherAws })],
  ['AWS to Vault', () => ({ keyId: keyIds.aws }), () => ({ keyId: keyIds.vault })],
  ['Vault to Google', () => ({ keyId: keyIds.vault }), () => ({ keyId: keyIds.google })],
  ['Google to AWS', () => ({ keyId: keyIds.google }), () => ({ keyId: keyIds.aws })],
  [
    'context to context',
    () => ({ keyId: keyIds.vault }),
    () => ({ keyId: keyIds.vault, context: contextWithTenant }),
  ],
])('%s: in every stage both instances read and write, and nothing is lost', async (_, oldKey, newKey) => {
  const before: KeyConfig = { current: 1, versions: { 1: oldKey() } }
  const readable: KeyConfig = { current: 1, versions: { 1: oldKey(), 2: newKey() } }
  const flipped: KeyConfig = { current: 2, versions: { 1: oldKey(), 2: newKey() } }
  const after: KeyConfig = { current: 2, versions: { 2: newKey() } }

  const reader = start(flipped)
  const a = startTraffic('a', start(before))
  const b = startTraffic('b', start(before))
  const bothGoOn = async (): Promise<void> => {
    await Promise.all([a.goOn(), b.goOn()])
    expect((await reader.user.findMany()).length).toBeGreaterThanOrEqual(a.owned.size)
  }
  await bothGoOn()
  for (const stage of [readable, flipped]) {
    a.deploy(start(stage))
    await bothGoOn() // the old one and the new one side by side
    b.deploy(start(stage))
    await bothGoOn()
  }
  expect(Object.keys(await database.versions())).toEqual(['v1', 'v2'])

  const rotator = start(flipped)
  const [result] = await Promise.all([rotateAll(rotator.user, { key: 'default' }), bothGoOn()])
  expect(result).toMatchObject({ failed: 0 })
  const left = await database.sql(`SELECT id FROM "User" WHERE ' ' || "encryptedKmsKey" LIKE '% v1:%'`)
  expect(left).toEqual([])

  a.deploy(start(after))
  await bothGoOn()
  b.deploy(start(after))
  await bothGoOn()
  await Promise.all([a.stop(), b.stop()])
  expect(Object.keys(await database.versions())).toEqual(['v2'])
})

test('whoever flips before all can read is told which version is unknown, and nothing is overwritten', async () => {
  const old = start({ current: 1, versions: { 1: { keyId: keyIds.aws } } })
  const early = start({ current: 2, versions: { 1: { keyId: keyIds.aws }, 2: { keyId: keyIds.vault } } })
  const { id } = await early.user.create({ data: { name: 'Ada' } })
  const stored = () => database.sql('SELECT * FROM "User"')
  const before = await stored()
  expect(await codeOf(old.user.findMany())).toBe('UNKNOWN_KEY_VERSION')
  expect(await codeOf(old.user.update({ where: { id }, data: { email: 'a@example.com' } }))).toBe(
    'UNKNOWN_KEY_VERSION',
  )
  expect(await stored()).toEqual(before)
  expect(await old.user.findMany({ select: { id: true } })).toEqual([{ id }]) // what is not encrypted

  // What needs no reading goes on, under a second data key beside the unknown one.
  await old.user.updateMany({ data: { email: 'a@example.com' } })
  expect(await old.user.findMany({ select: { email: true } })).toEqual([{ email: 'a@example.com' }])
  expect(await early.user.findMany({ select: { name: true, email: true } })).toEqual([
    { name: 'Ada', email: 'a@example.com' },
  ])
})

test('a version that was removed too early is told, and adding it again mends all', async () => {
  const both = { 1: { keyId: keyIds.aws }, 2: { keyId: keyIds.google } }
  await start({ current: 1, versions: both }).user.create({ data: { name: 'Ada' } })
  const early = start({ current: 2, versions: { 2: both[2] } })
  expect(await codeOf(early.user.findMany())).toBe('UNKNOWN_KEY_VERSION')
  const result = await rotateAll(early.user, { key: 'default' })
  expect(result).toMatchObject({ done: 0, failed: 1 })
  expect(result.failures[0]?.error).toMatchObject({ code: 'UNKNOWN_KEY_VERSION' })

  const mended = start({ current: 2, versions: both })
  expect(await rotateAll(mended.user, { key: 'default' })).toMatchObject({ done: 1, failed: 0 })
  expect(await early.user.findMany({ select: { name: true } })).toEqual([{ name: 'Ada' }])
})
