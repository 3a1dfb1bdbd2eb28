/** The walk over a table, with a job that only counts: batches in hand, held rows, cursors, rate and time left. */
import { KmsEncryptedError, type ErrorCode } from '../../src/errors.js'
import type { Timing } from '../../src/kms/timing.js'
import type { WalkProgress } from '../../src/rotation/walk-options.js'
import type { Batch, TableJob, WorkOutcome } from '../../src/rotation/table-job.js'
import { walkTable } from '../../src/rotation/walk-table.js'

type Row = Record<string, unknown>

function failure(code: ErrorCode): KmsEncryptedError {
  return new KmsEncryptedError({ code, message: 'm', why: 'w', fix: 'f' })
}

/** A clock that moves only by sleeping, or when a test moves it. */
function fakeClock(): Timing & { nowMs: number; readonly slept: number[] } {
  const clock = {
    nowMs: 0,
    slept: [] as number[],
    now: () => clock.nowMs,
    random: () => 0,
    sleep: (ms: number) => {
      clock.nowMs += ms
      clock.slept.push(ms)
      return Promise.resolve()
    },
  }
  return clock
}

/** A table of `rows` rows in batches of two, and a job that does them all unless a test says otherwise. */
function tableOf(rows: number, work?: (rows: readonly Row[], turn: number) => Partial<WorkOutcome>) {
  const turns: number[][] = []
  const idsOf = (batch: readonly Row[]) => batch.map(({ id }) => Number(id))
  const job: TableJob = {
    count: () => Promise.resolve({ total: rows, settled: 0 }),
    // eslint-disable-next-line @typescript-eslint/require-await -- a table in memory
    async *batches() {
      for (let id = 1; id <= rows; id += 2) {
        const ids = [id, id + 1].filter((one) => one <= rows)
        yield {
          rows: ids.map((one) => ({ id: one })),
          before: id === 1 ? null : String(id - 1),
          last: String(ids.at(-1)),
        } satisfies Batch
      }
    },
    async work(batch) {
      const turn = turns.push(idsOf(batch))
      await Promise.resolve()
      const given = work?.(batch, turn) ?? {}
      const { failures = [], busy = [], failed = failures.length, skipped = 0 } = given
      return { done: batch.length - failed - skipped - busy.length, skipped, failed, failures, busy }
    },
    readAgain: (held) => Promise.resolve(held.map((row) => ({ ...row }))),
    cursorOf: ({ id }) => String(id),
    giveUp: ({ id }) => ({ id: String(id), key: 'default', error: failure('WRITE_CONFLICT') }),
  }
  return { job, turns }
}

test('rows that others hold get their turn at the end, and only they', async () => {
  const { job, turns } = tableOf(6, (batch, turn) => ({
    busy: turn <= 5 ? batch.filter(({ id }) => id === 2 || id === 5) : [],
  }))
  const result = await walkTable(job, {}, fakeClock())
  expect(turns).toEqual([
    [1, 2],
    [3, 4],
    [5, 6],
    [2, 5],
    [2, 5],
    [2, 5],
  ])
  expect(result).toMatchObject({ done: 6, total: 6, failed: 0, finished: true, cursor: '6' })
})

test('the cursor stays before the first row that is held', async () => {
  const cursors: (string | null)[] = []
  const { job } = tableOf(8, (batch, turn) => ({ busy: turn <= 4 ? batch.filter(({ id }) => id === 3) : [] }))
  await walkTable(job, { concurrency: 1, onProgress: ({ cursor }) => cursors.push(cursor) }, fakeClock())
  expect(cursors).toEqual(['2', '2', '2', '2', '8', '8'])
})

test('rows that are held to the last are failures, after pauses that grow', async () => {
  const clock = fakeClock()
  const { job } = tableOf(4, (batch) => ({ busy: batch.filter(({ id }) => id === 3) }))
  const result = await walkTable(job, {}, clock)
  expect(result).toMatchObject({
    done: 3,
    failed: 1,
    finished: true,
    failures: [{ id: '3', error: { code: 'WRITE_CONFLICT' } }],
    cursor: '4',
  })
  expect(clock.slept).toEqual([...clock.slept].sort((a, b) => a - b))
  expect(clock.nowMs).toBeGreaterThan(10_000)
  expect(clock.nowMs).toBeLessThan(30_000)
})

test('rows that are gone when their turn comes need nothing', async () => {
  const { job } = tableOf(4, (batch, turn) => ({ busy: turn <= 2 ? batch : [] }))
  const result = await walkTable({ ...job, readAgain: () => Promise.resolve([]) }, {}, fakeClock())
  expect(result).toMatchObject({ done: 0, skipped: 4, failed: 0, finished: true })
})

test('never more held rows in memory than ten thousand', async () => {
  let most = 0
  const held = new Set<unknown>()
  const { job } = tableOf(60_000, (batch, turn) => {
    if (turn % 2 === 1 && batch.length === 2) {
      for (const { id } of batch) held.add(id)
      most = Math.max(most, held.size)
      return { busy: batch }
    }
    for (const { id } of batch) held.delete(id)
    return {}
  })
  const result = await walkTable(job, { batchSize: 500 }, fakeClock())
  expect(result).toMatchObject({ done: 60_000, failed: 0 })
  expect(most).toBeLessThan(10_100)
  expect(most).toBeGreaterThan(5_000)
})

test.each([1, 2, 5])('%i batches in hand at once, never more', async (concurrency) => {
  const { job } = tableOf(30)
  let [inHand, most] = [0, 0]
  const slow: TableJob = {
    ...job,
    async work(rows, signal) {
      most = Math.max(most, ++inHand)
      await new Promise((resolve) => setTimeout(resolve, 3))
      inHand--
      return job.work(rows, signal)
    },
  }
  expect(await walkTable(slow, { concurrency })).toMatchObject({ done: 30 })
  expect(most).toBe(concurrency)
})

test('rate and time left are those of this walk, without the rows that were settled before', async () => {
  const clock = fakeClock()
  const seen: WalkProgress[] = []
  const { job } = tableOf(10, () => {
    clock.nowMs += 500
    return {}
  })
  const resumed = { ...job, count: () => Promise.resolve({ total: 110, settled: 100 }) }
  const result = await walkTable(resumed, { concurrency: 1, onProgress: (now) => seen.push(now) }, clock)
  expect(seen[0]).toMatchObject({ done: 2, skipped: 100, total: 110, rowsPerSecond: 4, etaMs: 2_000 })
  expect(result).toMatchObject({ done: 10, skipped: 100, total: 110, rowsPerSecond: 4, etaMs: 0 })
})

test('rows that turn up meanwhile make the total grow; rows that are gone make no time left', async () => {
  const { job } = tableOf(10)
  const [few, many] = [4, 20].map((total) => ({
    ...job,
    count: () => Promise.resolve({ total, settled: 0 }),
  }))
  expect(await walkTable(few ?? job, {})).toMatchObject({ done: 10, total: 10, etaMs: 0 })
  expect(await walkTable(many ?? job, {})).toMatchObject({ done: 10, skipped: 10, total: 20, etaMs: 0 })
})

test('what a job throws ends the walk, after the batches in hand and one last report', async () => {
  const seen: WalkProgress[] = []
  const { job, turns } = tableOf(20, (_, turn) => {
    if (turn === 3) throw failure('KMS_UNAVAILABLE')
    return {}
  })
  const walking = walkTable(job, { concurrency: 2, onProgress: (now) => seen.push(now) }, fakeClock())
  await expect(walking).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' })
  expect(turns.length).toBeLessThanOrEqual(4)
  expect(seen.at(-1)?.cursor).toBe('4')
})

/** A job that fails all rows from one id on. */
function failingFrom(first: number, code: ErrorCode, rows = 1_000) {
  const failures = (batch: readonly Row[]) =>
    batch
      .filter(({ id }) => Number(id) >= first)
      .map(({ id }) => ({ id: String(id), key: 'default', error: failure(code) }))
  return tableOf(rows, (batch) => ({ failures: failures(batch) })).job
}

test.each([1, 3])(
  'after an outage the cursor stands before the first row that it failed: %i at once',
  async (concurrency) => {
    let last: WalkProgress | undefined
    const job = failingFrom(7, 'KMS_UNAVAILABLE')
    const walking = walkTable(job, { concurrency, onProgress: (now) => (last = now) }, fakeClock())
    await expect(walking).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' })
    expect(last).toMatchObject({ done: 6, cursor: '6' })
  },
)

/** A table in which a row is held at first; from the second turn of anything on, every call is refused. */
function outageForHeldRows(held: number, code: ErrorCode) {
  const turns = new Map<unknown, number>()
  return tableOf(300, (batch) => {
    const again = batch.filter(({ id }) => turns.has(id))
    for (const { id } of batch) turns.set(id, 1)
    if (again.length === 0) return { busy: batch.filter(({ id }) => Number(id) <= held) }
    return { failures: again.map(({ id }) => ({ id: String(id), key: 'default', error: failure(code) })) }
  }).job
}

test('an outage that meets only rows which were held leaves the cursor before them', async () => {
  let last: WalkProgress | undefined
  const job = outageForHeldRows(120, 'KMS_UNAVAILABLE')
  const walking = walkTable(job, { onProgress: (now) => (last = now) }, fakeClock())
  await expect(walking).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' })
  expect(last).toMatchObject({ done: 180, cursor: null })
})

test('a held row that ends the walk with onError: stop is not passed either', async () => {
  let last: WalkProgress | undefined
  const options = { onError: 'stop', onProgress: (now: WalkProgress) => (last = now) } as const
  const walking = walkTable(outageForHeldRows(4, 'DECRYPTION_FAILED'), options, fakeClock())
  await expect(walking).rejects.toMatchObject({ code: 'DECRYPTION_FAILED' })
  expect(last).toMatchObject({ done: 296, cursor: null })
})

test('held rows that the key service refuses without an outage are passed', async () => {
  expect(await walkTable(outageForHeldRows(4, 'KMS_ACCESS_DENIED'), {}, fakeClock())).toMatchObject({
    done: 296,
    failed: 4,
    cursor: '300',
    finished: true,
  })
})

test('with onError: stop the cursor stands before the row that ended the walk', async () => {
  let last: WalkProgress | undefined
  const job = failingFrom(7, 'DECRYPTION_FAILED')
  const options = {
    concurrency: 2,
    onError: 'stop',
    onProgress: (now: WalkProgress) => (last = now),
  } as const
  await expect(walkTable(job, options, fakeClock())).rejects.toMatchObject({ code: 'DECRYPTION_FAILED' })
  expect(last?.cursor).toBe('6')
})

test('rows that the key service refuses without an outage are passed', async () => {
  expect(await walkTable(failingFrom(7, 'KMS_ACCESS_DENIED', 12), {}, fakeClock())).toMatchObject({
    failed: 6,
    finished: true,
    cursor: '12',
  })
})

test('a callback that throws ends the walk with its own error', async () => {
  const { job } = tableOf(20)
  const onProgress = () => {
    throw new RangeError('mine')
  }
  await expect(walkTable(job, { onProgress }, fakeClock())).rejects.toThrow('mine')
})
