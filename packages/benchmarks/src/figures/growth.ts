/** How a read grows with rows, fields and the latency of the key service, in each mode: the data of the plot. */
import { measureRounds, type Way } from '../measuring/rounds.js'
import { median } from '../measuring/statistics.js'
import { people, personOf } from '../people.js'
import type { Sizes } from '../sizes.js'
import { everyKey, type OurClient, type Stage } from '../stage.js'
import { branchedKeys } from '../ways/branched-keys.js'

/** One line of a chart: milliseconds by what grows. */
export interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, ms: number])[]
}

/** One chart. */
export interface Growth {
  readonly title: string
  readonly axis: string
  readonly lines: readonly Line[]
}

const rounds = { least: 5, budgetMs: 0, warmUps: 2 }
const latencies = [1, 5, 20, 50]
const usualMs = 5

/** Measures all charts, on rows of their own. */
export async function measureGrowth(stage: Stage, { rows, manyRows }: Sizes): Promise<Growth[]> {
  await stage.sql('TRUNCATE "Person", "Wide" RESTART IDENTITY')
  await insert(stage.connectOurs(0), manyRows)
  await insert(stage.connectOurs(0, { keys: branchedKeys() }), manyRows)
  await stage.sql('VACUUM ANALYZE')
  const counts = [100, 300, 1_000, 3_000, 10_000].filter((count) => count <= manyRows)
  const plain = stage.connectPlain()
  const modesAt = (latencyMs: number) => ({
    plain: (count: number) => plain.person.findMany(first(count)),
    cached: reader(stage.connectOurs(latencyMs, { cache: everyKey })),
    'branch key': flushedReader(stage.connectOurs(latencyMs, { keys: branchedKeys() }), manyRows),
    'per record': reader(stage.connectOurs(latencyMs)),
  })

  const usual = modesAt(usualMs)
  const byRows = await linesOf(counts, (count) => ways(usual, count))
  const byLatency = await linesOf(latencies, (latencyMs) => ways(modesAt(latencyMs), rows))
  return [
    { title: `Rows (3 fields, KMS ${usualMs} ms)`, axis: 'rows', lines: byRows },
    { title: 'Encrypted fields (1,000 rows)', axis: 'fields', lines: await growWithFields(stage, rows) },
    { title: 'KMS latency (1,000 rows, 3 fields)', axis: 'ms a call', lines: byLatency },
  ]
}

type Read = (count: number) => Promise<unknown>

function reader(client: OurClient): Read {
  return (count) => client.person.findMany(first(count))
}

/** The rows behind the others are under a branch key, which is opened anew for each read. */
function flushedReader(client: OurClient, behind: number): Read {
  return (count) => {
    client.$kms.flush()
    return client.person.findMany({
      where: { id: { gt: behind, lte: behind + count } },
      orderBy: { id: 'asc' },
    })
  }
}

function first(count: number) {
  return { where: { id: { lte: count } }, orderBy: { id: 'asc' } } as const
}

function ways(modes: Readonly<Record<string, Read>>, count: number): Record<string, Way> {
  return Object.fromEntries(Object.entries(modes).map(([name, read]) => [name, { run: () => read(count) }]))
}

async function linesOf(
  xs: readonly number[],
  waysAt: (x: number) => Readonly<Record<string, Way>>,
): Promise<Line[]> {
  const lines = new Map<string, [number, number][]>()
  for (const x of xs) {
    const { wallMs } = await measureRounds(waysAt(x), rounds)
    for (const [name, samples] of Object.entries(wallMs)) {
      lines.set(name, [...(lines.get(name) ?? []), [x, median(samples)]])
    }
  }
  return [...lines].map(([name, points]) => ({ name, points }))
}

async function growWithFields(stage: Stage, rows: number): Promise<Line[]> {
  const plain = stage.connectPlain()
  const ours = stage.connectOurs(0, { cache: everyKey })
  await ours.wide.createMany({
    data: people(rows).map(({ address }) => ({
      field1: address,
      field2: address,
      field3: address,
      field4: address,
      field5: address,
      field6: address,
      field7: address,
      field8: address,
      field9: address,
      field10: address,
    })),
  })
  return linesOf([1, 2, 3, 5, 7, 10], (count) => {
    const names = Array.from({ length: count }, (_, index) => [`field${index + 1}`, true])
    const select = Object.fromEntries(names) as Record<'field1', true> // and its siblings
    return {
      plain: { run: () => plain.wide.findMany({ select: { ...select, id: true, encryptedKmsKey: true } }) },
      cached: { run: () => ours.wide.findMany({ select: { ...select, id: true } }) },
    }
  })
}

async function insert(client: OurClient, count: number): Promise<void> {
  for (let start = 0; start < count; start += 1_000) {
    const length = Math.min(1_000, count - start)
    await client.person.createMany({ data: Array.from({ length }, (_, index) => personOf(start + index)) })
  }
}
