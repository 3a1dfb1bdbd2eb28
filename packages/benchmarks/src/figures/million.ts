/** Rotating a million rows: how fast, whether memory grows from a hundred thousand, and what a second process brings. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { rotationRanges, type RowRange } from 'prisma-kms-encrypted'
import { keyIds } from '../kms-stand-in.js'
import { estimate } from '../measuring/statistics.js'
import { personOf } from '../people.js'
import type { RotationRun } from '../rotation-run.js'
import type { Sizes } from '../sizes.js'
import type { Stage } from '../stage.js'
import type { Figures } from '../targets.js'
import { startWorker, workOff } from './rotation-workers.js'

const latencyMs = 5
const script = fileURLToPath(new URL('../rotation-run.ts', import.meta.url))

/** Measures `millionRowsPerSecond5ms`, `millionHeapGrowthMiB` and `millionTwoWorkers`, on persons of their own. */
export async function measureMillion(stage: Stage, { few, million, shared }: Sizes): Promise<Figures> {
  await stage.sql('TRUNCATE "Person" RESTART IDENTITY')
  await insertPeople(stage, 0, few, 1)
  const small = await rotate(stage, few, 2)
  await insertPeople(stage, few, million, 2)
  const large = await rotate(stage, million, 1)
  const workers = await compareWorkers(stage, shared)
  return {
    millionRowsPerSecond5ms: estimate({ rows: [large.rows / large.seconds] }, ({ rows }) => rows),
    millionHeapGrowthMiB: estimate(
      { small: [small.liveHeapMiB], large: [large.liveHeapMiB] },
      (heap) => heap.large - heap.small,
    ),
    millionTwoWorkers: estimate(workers, (rows) => rows.two / rows.one),
  }
}

function tell(text: string): void {
  process.stderr.write(`${text}; load ${loadavg()[0]?.toFixed(1)}\n`)
}

/** As the application would: real keys, real values; the time is not measured. */
async function insertPeople(stage: Stage, from: number, to: number, current: number): Promise<void> {
  const versions = { 1: { keyId: keyIds.first }, 2: { keyId: keyIds.second } }
  const ours = stage.connectOurs(0, { keys: { default: { current, versions } } })
  const start = performance.now()
  for (let first = from; first < to; first += 2_000) {
    const length = Math.min(2_000, to - first)
    await ours.person.createMany({ data: Array.from({ length }, (_, index) => personOf(first + index + 1)) })
  }
  await stage.sql('VACUUM ANALYZE "Person"')
  tell(`${to - from} persons were inserted in ${((performance.now() - start) / 1_000).toFixed(0)} s`)
}

/** Rotates the whole table in a new process. */
async function rotate({ url }: Stage, expected: number, current: number): Promise<RotationRun> {
  const child = fork(script, [url, String(latencyMs), String(current), String(expected)], {
    execArgv: ['--expose-gc', '--import', 'tsx'],
  })
  const [run] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => [undefined]),
  ])) as [RotationRun | undefined] // what rotation-run.ts sends
  if (run?.rows !== expected) throw new Error(`${run?.rows ?? 0} of ${expected} rows were rotated`)
  const { seconds, liveHeapMiB, peakRssMiB } = run
  tell(
    `${expected} rows in ${seconds.toFixed(1)} s, ${(expected / seconds).toFixed(0)} a second; live heap ${liveHeapMiB.toFixed(1)} MiB, peak RSS ${peakRssMiB.toFixed(0)} MiB`,
  )
  return run
}

/** One, two, two, one: each worker rotates equally many rows of the same table, none of them twice. */
async function compareWorkers(stage: Stage, rows: number): Promise<Record<'one' | 'two', readonly number[]>> {
  const size = Math.ceil(rows / 10)
  const ranges: RowRange[] = []
  for await (const range of rotationRanges(stage.connectOurs(0).person, { size })) ranges.push(range)
  const workers = await Promise.all([startWorker(stage.url), startWorker(stage.url)])
  const samples: Record<'one' | 'two', number[]> = { one: [], two: [] }
  try {
    for (const way of ['one', 'two', 'two', 'one'] as const) {
      const taking = workers.slice(0, way === 'one' ? 1 : 2)
      const queue = ranges.splice(0, 10 * taking.length)
      const start = performance.now()
      const done = await Promise.all(taking.map((worker) => workOff(worker, queue, 2)))
      const total = done.reduce((sum, each) => sum + each, 0)
      if (total !== 10 * taking.length * size) throw new Error(`only ${total} rows were rotated`)
      const perSecond = (total / (performance.now() - start)) * 1_000
      samples[way].push(perSecond)
      tell(`${taking.length} with 16 calls at once: ${perSecond.toFixed(0)} rows a second`)
    }
    return samples
  } finally {
    for (const worker of workers) worker.disconnect()
  }
}
