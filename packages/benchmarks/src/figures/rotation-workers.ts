/** Two processes that share the rotation of one table, against one: each with 16 calls to the key service at once. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { rotationRanges, type RowRange } from 'prisma-kms-encrypted'
import { estimate } from '../measuring/statistics.js'
import { people } from '../people.js'
import type { RangeOrder } from '../rotation-worker.js'
import type { Sizes } from '../sizes.js'
import type { Stage } from '../stage.js'
import type { Figures } from '../targets.js'

const latencyMs = 5
const script = fileURLToPath(new URL('../rotation-worker.ts', import.meta.url))

/** Measures `rotateTwoWorkers`, on persons of its own. */
export async function measureRotationWorkers(stage: Stage, { rotated, long }: Sizes): Promise<Figures> {
  await stage.sql('TRUNCATE "Person" RESTART IDENTITY')
  const ours = stage.connectOurs(0)
  for (let start = 0; start < rotated; start += 1_000)
    await ours.person.createMany({ data: people(Math.min(1_000, rotated - start)) })
  const ranges: RowRange[] = []
  for await (const range of rotationRanges(ours.person, { size: Math.ceil(rotated / 8) })) ranges.push(range)
  const workers = await Promise.all([startWorker(stage.url), startWorker(stage.url)])
  let current = 1
  /** Rotates all rows to the other version; gives rows a second. */
  const turn = async (taking: readonly ChildProcess[]): Promise<number> => {
    current = 3 - current
    const queue = [...ranges]
    const start = performance.now()
    const done = await Promise.all(taking.map((worker) => workOff(worker, queue, current)))
    const total = done.reduce((sum, rows) => sum + rows, 0)
    if (total !== rotated) throw new Error(`${total} of ${rotated} rows were rotated`)
    return (total / (performance.now() - start)) * 1_000
  }
  try {
    await turn(workers) // warms up
    const [one, two]: [number[], number[]] = [[], []]
    for (let round = 0; round < Math.min(long.least, 6); round++) {
      one.push(await turn(workers.slice(0, 1)))
      two.push(await turn(workers))
    }
    return { rotateTwoWorkers: estimate({ one, two }, (rows) => rows.two / rows.one) }
  } finally {
    for (const worker of workers) worker.disconnect()
  }
}

/** A worker that rotates the ranges that it is sent, with 16 calls at once. */
export async function startWorker(url: string): Promise<ChildProcess> {
  const worker = fork(script, [url, String(latencyMs)], { execArgv: ['--import', 'tsx'] })
  await once(worker, 'message')
  return worker
}

/** Sends a worker one range after another, from a queue that it may share. */
export async function workOff(worker: ChildProcess, queue: RowRange[], current: number): Promise<number> {
  let done = 0
  for (let range = queue.shift(); range; range = queue.shift()) {
    worker.send({ range, current } satisfies RangeOrder)
    const [rows] = (await once(worker, 'message')) as [number] // what rotation-worker.ts sends
    if (rows < 0) throw new Error('a key was not rotated')
    done += rows
  }
  return done
}
