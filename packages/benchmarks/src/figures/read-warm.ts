/** Reading with the data keys cached: our overhead against the peer's, against the floor, and as tables grow. */
import { strict as assert } from 'node:assert'
import { kmsStandIn } from '../kms-stand-in.js'
import { estimateTimes, measureRounds } from '../measuring/rounds.js'
import { encryptedFields, people } from '../people.js'
import type { Sizes } from '../sizes.js'
import { everyKey, type PlainClient, type Stage } from '../stage.js'
import type { Figures } from '../targets.js'
import { openFloor, type StoredRow } from '../ways/floor.js'
import { extendWithPeer } from '../ways/peer.js'
import { unwrapKey } from '../ways/sequential.js'
import { openedKeyOf, textAad } from '../ways/stored-form.js'

/** Measures `readWarmVsPeer`, `readWarmVsFloor` and `scaling`. */
export async function measureWarmReads(stage: Stage, { rows, manyRows, short }: Sizes): Promise<Figures> {
  const plain = stage.connectPlain()
  const ours = stage.connectOurs(0, { cache: everyKey })
  const peer = await extendWithPeer(stage.connectPlain())
  const stored = await storedRows(plain, rows)
  const aads = encryptedFields.map((field) => textAad('Person', field))
  const few = { where: { id: { lte: rows } }, orderBy: { id: 'asc' } } as const
  const many = { where: { id: { lte: manyRows } }, orderBy: { id: 'asc' } } as const

  const expected = people(rows).map((person) => encryptedFields.map((field) => person[field]))
  assert.deepEqual(openFloor(stored, aads), expected)
  assert.deepEqual(fieldsOf(await ours.person.findMany(few)), expected)
  assert.deepEqual(fieldsOf(await peer.peerPerson.findMany(few)), expected)

  const small = await measureRounds(
    {
      plain: { run: () => plain.person.findMany(few) },
      ours: { run: () => ours.person.findMany(few) },
      plainPeer: { run: () => plain.peerPerson.findMany(few) },
      peer: { run: () => peer.peerPerson.findMany(few) },
      floor: { run: () => Promise.resolve(openFloor(stored, aads)) },
    },
    short,
  )
  const both = await measureRounds(
    {
      plainFew: { run: () => plain.person.findMany(few) },
      few: { run: () => ours.person.findMany(few) },
      plainMany: { run: () => plain.person.findMany(many) },
      many: { run: () => ours.person.findMany(many) },
    },
    short,
  )
  return {
    readWarmVsPeer: estimateTimes(small, (ms) => (ms.ours - ms.plain) / (ms.peer - ms.plainPeer)),
    readWarmVsFloor: estimateTimes(small, (ms) => (ms.ours - ms.plain) / ms.floor),
    scaling: estimateTimes(both, (ms) => ms.many / ms.few / (ms.plainMany / ms.plainFew)),
  }
}

/** The rows as they are stored, with the keys that open them. */
async function storedRows(plain: PlainClient, count: number): Promise<StoredRow[]> {
  const kms = kmsStandIn(0)
  const rows = await plain.person.findMany({ where: { id: { lte: count } }, orderBy: { id: 'asc' } })
  return Promise.all(
    rows.map(async (row) => ({
      values: encryptedFields.map((field) => row[field] ?? ''),
      key: openedKeyOf(await unwrapKey(kms, row.id, row.encryptedKmsKey)),
    })),
  )
}

function fieldsOf(rows: readonly Readonly<Record<(typeof encryptedFields)[number], string | null>>[]) {
  return rows.map((row) => encryptedFields.map((field) => row[field]))
}
