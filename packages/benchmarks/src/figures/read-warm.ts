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
import { openedKeyOf, textAad, type OpenedKey } from '../ways/stored-form.js'

/** Measures `readWarmVsPeer`, `readWarmVsFloor`, `scaling` and `scalingVsFloor`. */
export async function measureWarmReads(
  stage: Stage,
  { rows, manyRows, short, long }: Sizes,
): Promise<Figures> {
  const plain = stage.connectPlain()
  const ours = stage.connectOurs(0, { cache: everyKey })
  const peer = await extendWithPeer(stage.connectPlain())
  const few = first(rows)
  const many = first(manyRows)
  const keys = await keysOf(await plain.person.findMany(many))
  const stored = storedRows(await plain.person.findMany(few), keys)
  const aads = encryptedFields.map((field) => textAad('Person', field))

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
  const readFloor = async (query: Query) =>
    openFloor(storedRows(await plain.person.findMany(query), keys), aads)
  // Collecting its garbage is a good part of a large read. What a small one leaves fits into the young heap whole and would
  // be collected at nobody's cost: so all samples read equally many rows, and each pays for what it leaves.
  const times = manyRows / rows
  const both = await measureRounds(
    {
      plainFew: { run: () => repeat(times, () => plain.person.findMany(few)) },
      few: { run: () => repeat(times, () => ours.person.findMany(few)) },
      floorFew: { run: () => repeat(times, () => readFloor(few)) },
      plainMany: { run: () => plain.person.findMany(many) },
      many: { run: () => ours.person.findMany(many) },
      floorMany: { run: () => readFloor(many) },
    },
    long,
    'itself',
  )
  return {
    readWarmVsPeer: estimateTimes(small, (ms) => (ms.ours - ms.plain) / (ms.peer - ms.plainPeer)),
    readWarmVsFloor: estimateTimes(small, (ms) => (ms.ours - ms.plain) / ms.floor),
    scaling: estimateTimes(both, (ms) => ms.many / ms.few / (ms.plainMany / ms.plainFew)),
    scalingVsFloor: estimateTimes(both, (ms) => ms.many / ms.few / (ms.floorMany / ms.floorFew)),
  }
}

type Query = ReturnType<typeof first>
type Persons = Awaited<ReturnType<PlainClient['person']['findMany']>>

function first(count: number) {
  return { where: { id: { lte: count } }, orderBy: { id: 'asc' } } as const
}

async function repeat(times: number, run: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < times; time++) await run()
}

/** The keys that open the rows, by their ids. */
async function keysOf(rows: Persons): Promise<ReadonlyMap<number, OpenedKey>> {
  const kms = kmsStandIn(0)
  const keys = rows.map(async ({ id, encryptedKmsKey }) => {
    return [id, openedKeyOf(await unwrapKey(kms, id, encryptedKmsKey))] as const
  })
  return new Map(await Promise.all(keys))
}

/** The rows as they are stored, with the keys that open them. */
function storedRows(rows: Persons, keys: ReadonlyMap<number, OpenedKey>): StoredRow[] {
  return rows.map((row) => {
    const key = keys.get(row.id)
    if (!key) throw new Error(`no key of person ${row.id}`)
    return { values: encryptedFields.map((field) => row[field] ?? ''), key }
  })
}

function fieldsOf(rows: readonly Readonly<Record<(typeof encryptedFields)[number], string | null>>[]) {
  return rows.map((row) => encryptedFields.map((field) => row[field]))
}
