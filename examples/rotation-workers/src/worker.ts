/** One worker process: takes ranges of the table from the job queue and rotates them. Any number may run, on any machines. */
import { EventEmitter } from 'node:events'
import { run, type WorkerEvents } from 'graphile-worker'
import { rotateAll, type RowRange } from 'prisma-kms-encrypted'
import { connect } from './prisma.js'
import type { Report } from './reports.js'

const url = process.env['DATABASE_URL'] ?? ''
const prisma = connect(url, 2)
const report = (message: Report) => process.send?.(message)

// Without the process that started it, it would look for jobs for ever.
process.on('disconnect', () => process.exit(1))

const events: WorkerEvents = new EventEmitter()
events.on('pool:create', ({ workerPool }) => report({ kind: 'started', workerId: workerPool.id }))
const runner = await run({
  events,
  connectionString: url,
  concurrency: 1,
  pollInterval: 200,
  taskList: {
    rotate: async (payload, { abortSignal, job }) => {
      const result = await rotateAll(prisma.patient, {
        range: payload as RowRange, // the producer's payloads are what rotationRanges() gave
        batchSize: 50,
        signal: abortSignal,
        onProgress: ({ done }) => report({ kind: 'progress', job: job.id, done }),
      })
      // What is thrown puts the job back into the queue; the next attempt does only what is left.
      if (!result.finished) throw new Error('this worker is shutting down')
      if (result.failed > 0) throw result.failures[0]?.error ?? new Error('rows failed')
      report({ kind: 'range', done: result.done })
    },
  },
})
await runner.promise
await prisma.$disconnect()
