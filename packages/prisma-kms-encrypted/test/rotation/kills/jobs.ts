/** The jobs that are killed: how their table begins, what runs in the child, and what must hold in the end. */
import {
  encryptAll,
  kmsEncrypted,
  rotateAll,
  type RotationMode,
  type WalkProgress,
} from '../../../src/index.js'
import { localKms } from '../../../src/providers/local.js'
import { countingKms } from '../../../src/testing/index.js'
import { encryptedModels } from '../../generated/kms-encrypted.js'
import { createClient } from '../../support/client.js'

/** What the test and its children share. */
export interface KillSettings {
  readonly url: string
  /** The wrapped index master key. */
  readonly indexKey: string
  readonly rows: number
  /** What each call to the key service takes in the child, so that kills meet every stage of the work. */
  readonly latencyMs: number
}

type ClientConfig = Partial<Parameters<typeof kmsEncrypted<typeof encryptedModels>>[0]>

/** An extended client of the fixture's `User`, with both key versions readable. */
export function connect(
  { url, indexKey }: KillSettings,
  current: 1 | 2,
  latencyMs = 0,
  config: ClientConfig = {},
) {
  const material = (byte: number) => Buffer.alloc(32, byte).toString('base64')
  const keys = { one: material(1), two: material(2), phone: material(3) }
  const { prisma: plain } = createClient({ url, max: 4 })
  const prisma = plain.$extends(
    kmsEncrypted({
      models: encryptedModels,
      providers: [countingKms(localKms({ keys }), { latencyMs })],
      keys: {
        default: { current, versions: { 1: { keyId: 'local/one' }, 2: { keyId: 'local/two' } } },
        phone: { keyId: 'local/phone' },
      },
      indexKey: { keyId: 'insecure-test-key', key: indexKey },
      ...config,
    }),
  )
  return { plain, prisma }
}

/** A client as {@link connect} makes it. */
export type KillClient = ReturnType<typeof connect>

/** One job. */
export interface KillJob {
  /** Fills the table: rows with ids 1 to `settings.rows` and the {@link firstValues}. */
  setUp(settings: KillSettings): Promise<void>
  /** The two deployments whose writers go on meanwhile. */
  deployments(settings: KillSettings): readonly [old: KillClient, current: KillClient]
  /** What reads every row after each run and at the end; by default a deployment of the current version. */
  reader?(settings: KillSettings): KillClient
  /**
   * Runs in the child that will be killed.
   * @param attempt number of this run, from 1; the last one, to its end, is 0
   */
  run(settings: KillSettings, attempt: number, onProgress: (progress: WalkProgress) => void): Promise<void>
  /** SQL for the ids of rows that must not be there after the last run: on an old key, or still plaintext. */
  readonly leftovers: string
  /** Columns of rows that no writer touches which the job may change. */
  readonly changes: readonly string[]
}

/** What a row begins with. */
export function firstValues(id: number) {
  return { name: `name ${id}`, email: `email ${id}`, notes: { id } }
}

/** Rotates there and back, so that each run has the whole table to do; the last run ends at version 2. */
function rotation(mode: RotationMode, changes: readonly string[]): KillJob {
  return {
    async setUp(settings) {
      const { prisma, plain } = connect(settings, 1)
      await prisma.user.createMany({
        data: Array.from({ length: settings.rows }, (_, index) => firstValues(index + 1)),
      })
      await plain.$disconnect()
    },
    deployments: (settings) => [connect(settings, 1), connect(settings, 2)],
    async run(settings, attempt, onProgress) {
      const client = connect(settings, attempt % 2 === 0 ? 2 : 1, attempt === 0 ? 0 : settings.latencyMs)
      const { failed, failures } = await rotateAll(client.prisma.user, {
        mode,
        batchSize: 10,
        concurrency: 3,
        onProgress,
      })
      await client.plain.$disconnect()
      if (failed > 0) throw failures[0]?.error ?? new Error('no failure kept')
    },
    leftovers: `SELECT id FROM "User" WHERE ' ' || "encryptedKmsKey" LIKE '% v1:%'`,
    changes,
  }
}

/** Encrypts while instances of both stages write; rows that no writer touches are set back to plaintext before each run. */
const encryption: KillJob = {
  async setUp(settings) {
    const { plain } = connect(settings, 1)
    await plain.user.createMany({
      data: Array.from({ length: settings.rows }, (_, index) => firstValues(index + 1)),
    })
    await plain.$disconnect()
  },
  deployments: (settings) => [
    connect(settings, 1, 0, { migrating: { User: 'read' } }),
    connect(settings, 1, 0, { migrating: { User: 'write' } }),
  ],
  reader: (settings) => connect(settings, 1, 0, { migrating: { User: 'write' } }),
  async run(settings, attempt, onProgress) {
    const latencyMs = attempt === 0 ? 0 : settings.latencyMs
    const client = connect(settings, 1, latencyMs, { migrating: { User: 'write' } })
    if (attempt > 1)
      await client.plain.$executeRaw`
      UPDATE "User" SET name = 'name ' || id, email = 'email ' || id, notes = jsonb_build_object('id', id), "encryptedKmsKey" = NULL
      WHERE id % 3 = 0`
    const { failed, failures } = await encryptAll(client.prisma.user, {
      batchSize: 10,
      concurrency: 3,
      onProgress,
    })
    await client.plain.$disconnect()
    if (failed > 0) throw failures[0]?.error ?? new Error('no failure kept')
  },
  leftovers: `SELECT id FROM "User" WHERE name NOT LIKE 'S0UB%' OR email NOT LIKE 'S0UB%' OR notes::text NOT LIKE '"S0UB%'`,
  changes: ['encryptedKmsKey', 'name', 'email', 'notes'],
}

/** Every job by its name. */
export const killJobs: Readonly<Record<string, KillJob>> = {
  rewrap: rotation('rewrap', ['encryptedKmsKey']),
  're-encrypt': rotation('re-encrypt', ['encryptedKmsKey', 'name', 'email', 'notes']),
  encrypt: encryption,
}
