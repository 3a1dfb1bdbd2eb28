/** Many workers rotate one table; one of them is killed in the middle of its work. Run it with `npx pnpm@10 demo:workers`. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { makeWorkerUtils } from 'graphile-worker'
import { rotationRanges } from 'prisma-kms-encrypted'
import { generateLocalKey } from 'prisma-kms-encrypted/local'
import { query, startDatabase } from './database.js'
import { connect } from './prisma.js'
import type { Report } from './reports.js'

const rows = 4_000
const workerScript = fileURLToPath(new URL('worker.ts', import.meta.url))
process.env['KMS_LOCAL_KEY'] = generateLocalKey()

console.log('Starting PostgreSQL')
const { url, stop } = await startDatabase()
const workers: Worker[] = []
try {
  await rotateWithWorkers()
} finally {
  for (const worker of workers) worker.process.kill('SIGKILL')
  await stop()
}

async function rotateWithWorkers(): Promise<void> {
  console.log(`Writing ${rows} patients under version 1 of the master key`)
  const prisma = connect(url, 1)
  const patients = Array.from({ length: rows }, (_, n) => ({ name: `Patient ${n}`, notes: `Notes ${n}` }))
  await prisma.patient.createMany({ data: patients })
  const before = await query(url, 'SELECT id, name, notes, "updatedAt" FROM "Patient" ORDER BY id')

  const queue = await makeWorkerUtils({ connectionString: url })
  await queue.migrate()
  let ranges = 0
  for await (const range of rotationRanges(prisma.patient, { size: 500 })) {
    // The key makes adding the same range twice harmless.
    await queue.addJob('rotate', range, { jobKey: `rotate Patient after ${range.after ?? 'nothing'}` })
    ranges++
  }
  console.log(`${ranges} ranges are in the queue; starting 3 workers`)
  workers.push(startWorker(1), startWorker(2), startWorker(3))

  // The first worker that is in the middle of a range is killed as if its machine had lost power.
  const victim = await Promise.race(workers.map((worker) => worker.inTheMiddle))
  victim.process.kill('SIGKILL')
  await once(victim.process, 'exit')
  console.log(`Worker ${victim.number} was killed after ${victim.done} rows of its range; starting another`)
  // The queue gives its job back after four hours by itself; whoever knows that the worker is gone says so.
  await queue.forceUnlockWorkers(victim.workerIds)
  workers.push(startWorker(4))

  await untilEmpty()
  const others = workers.filter((worker) => worker !== victim)
  for (const worker of others) worker.process.kill('SIGTERM')
  await Promise.all(others.map((worker) => worker.exited))
  for (const { number, ranges: count } of workers) console.log(`Worker ${number} rotated ${count} ranges`)
  await queue.release()
  equal(
    workers.reduce((sum, worker) => sum + worker.ranges, 0),
    ranges,
  )

  const [left] = await query<{ n: number }>(
    url,
    `SELECT count(*)::integer AS n FROM "Patient" WHERE "encryptedKmsKey" NOT LIKE 'v2:%'`,
  )
  equal(left?.n, 0)
  const after = await query(url, 'SELECT id, name, notes, "updatedAt" FROM "Patient" ORDER BY id')
  deepEqual(after, before)
  const opened = await connect(url, 2).patient.findMany({ orderBy: { id: 'asc' } })
  deepEqual(
    opened.map(({ name, notes }) => ({ name, notes })),
    patients,
  )
  console.log(`All ${rows} patients are under version 2, open, and are otherwise as they were`)
  await prisma.$disconnect()
}

/** A worker process and what it told. */
interface Worker {
  readonly number: number
  readonly process: ChildProcess
  readonly exited: Promise<unknown>
  readonly workerIds: string[]
  /** Resolves when it has done some, but not all rows of a range. */
  readonly inTheMiddle: Promise<Worker>
  /** Rows of the range in hand. */
  done: number
  /** Whole ranges. */
  ranges: number
}

function startWorker(number: number): Worker {
  const child = fork(workerScript, {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, DATABASE_URL: url },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  let reached: (worker: Worker) => void = () => undefined
  const worker: Worker = {
    number,
    process: child,
    exited: once(child, 'exit'),
    workerIds: [],
    inTheMiddle: new Promise((resolve) => (reached = resolve)),
    done: 0,
    ranges: 0,
  }
  child.on('message', (message: Report) => {
    if (message.kind === 'started') worker.workerIds.push(message.workerId)
    else if (message.kind === 'range') worker.ranges++
    else {
      worker.done = message.done
      if (message.done > 0 && message.done < 500) reached(worker)
    }
  })
  return worker
}

async function untilEmpty(): Promise<void> {
  for (let seconds = 0; seconds < 60; seconds++) {
    const [jobs] = await query<{ n: number }>(url, 'SELECT count(*)::integer AS n FROM graphile_worker.jobs')
    if (jobs?.n === 0) return
    await sleep(1_000)
  }
  ok(false, 'the queue is not empty after a minute')
}
