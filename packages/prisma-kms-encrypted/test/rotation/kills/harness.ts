/** Kills a job in its own process at random moments, while old and new deployments write, and looks at every row after. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createIndexKey, isKmsEncryptedError } from '../../../src/index.js'
import { createDatabase, runSql } from '../../support/database.js'
import { connect, firstValues, killJobs, type KillClient, type KillJob, type KillSettings } from './jobs.js'

/** What was seen. */
export interface KillReport {
  /** Children that were ended in the middle of their work: after it had begun, before its end. */
  readonly killed: number
  /** Children that were done before their time. */
  readonly finished: number
  /** Writes that were acknowledged meanwhile. */
  readonly writes: number
  /** Writes that gave up because the job kept winning; nothing of them must be stored. */
  readonly conflicts: number
  /** Whatever must not be, in words; the tests expect none. */
  readonly problems: readonly string[]
}

const workspace = fileURLToPath(new URL('../../../../../', import.meta.url))
const childScript = fileURLToPath(new URL('child.ts', import.meta.url))

/**
 * @param name of the job
 * @param kills children to kill
 */
export async function runKills(name: string, kills: number): Promise<KillReport> {
  const job = killJobs[name]
  if (!job) throw new Error(`no job '${name}'`)
  const database = await createDatabase()
  const settings: KillSettings = {
    url: database.url,
    indexKey: await createIndexKey({ keyId: 'insecure-test-key' }),
    rows: 150,
    latencyMs: 10,
  }
  const clients: KillClient[] = []
  try {
    await job.setUp(settings)
    const before = await rowsById(settings.url)
    const [old, current] = job.deployments(settings)
    const reader = job.reader?.(settings) ?? connect(settings, 2)
    clients.push(old, current, reader)
    const problems: string[] = []
    const writers = startWriters([old, current], settings.rows)
    let [killed, finished] = [0, 0]
    // A child may be done before its time; then another one is killed. One that can never be killed proves nothing.
    for (let attempt = 1; killed < kills && attempt <= 3 * kills; attempt++) {
      const outcome = await runChild(name, attempt, settings, Math.random())
      if (outcome === 'killed') killed++
      else if (outcome === 'finished') finished++
      else problems.push(`run ${attempt}: ${outcome}`)
      problems.push(...(await openAll(reader)).map((problem) => `after run ${attempt}: ${problem}`))
    }
    const { last, writes, conflicts, failures } = await writers.stop()
    problems.push(...failures)
    await job.run(settings, 0, () => undefined)
    problems.push(...(await checkEnd(job, settings, reader, before, last)))
    return { killed, finished, writes, conflicts, problems }
  } finally {
    await Promise.all(clients.map(({ plain }) => plain.$disconnect()))
    await database.drop()
  }
}

/** Rows that no writer touches. */
function isQuiet(id: number): boolean {
  return id % 3 === 0
}

/** Starts a child and kills it at some moment of its work; `moment` from 0 to 1 says which. */
async function runChild(
  name: string,
  attempt: number,
  settings: KillSettings,
  moment: number,
): Promise<string> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', childScript, name, String(attempt), JSON.stringify(settings)],
    { cwd: workspace, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.on('close', (code, signal) => {
      resolve({ code, signal })
    }),
  )
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  // Half of the kills come by rows done, which does not depend on the machine's speed, half by time.
  const threshold = moment * settings.rows
  let begun = false
  let killing = false
  const kill = (): void => {
    killing ||= child.kill('SIGKILL')
  }
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'start') {
      begun = true
      if (attempt % 2 === 0) void sleep(moment * 1_000).then(kill)
    } else if (attempt % 2 === 1 && Number(line.slice(5)) >= threshold) {
      await sleep(moment * 20)
      kill()
    }
  }
  const { code, signal } = await ended
  if (signal === 'SIGKILL' && begun) return 'killed'
  return code === 0 ? 'finished' : `ended with ${code ?? signal ?? ''}: ${errors.slice(-2_000)}`
}

/** Each row that is not quiet has two writers, an old and a new deployment, each of a field of its own. */
function startWriters(deployments: readonly [KillClient, KillClient], rows: number) {
  const last = new Map<string, string>()
  const failures: string[] = []
  let [writes, conflicts, running] = [0, 0, true]
  const ids = Array.from({ length: rows }, (_, index) => index + 1).filter((id) => !isQuiet(id))
  const write = async ({ prisma }: KillClient, field: 'name' | 'email', start: number): Promise<void> => {
    for (let round = start; running; round += 7) {
      const id = ids[round % ids.length] ?? 1
      const value = `${field} of ${id} in round ${round}`
      const args = { where: { id }, data: { [field]: value }, select: { id: true } }
      try {
        if (round % 5 === 0) await prisma.$transaction((tx) => tx.user.update(args))
        else await prisma.user.update(args)
        last.set(`${id} ${field}`, value)
        writes++
      } catch (error) {
        const passing = isKmsEncryptedError(error, 'WRITE_CONFLICT')
        if (passing) conflicts++
        else failures.push(`a write of ${field} failed: ${String(error)}`)
      }
      await sleep(2)
    }
  }
  const [old, current] = deployments
  const writing = [write(old, 'name', 1), write(current, 'email', 2)]
  return {
    async stop() {
      running = false
      await Promise.all(writing)
      return { last, writes, conflicts, failures }
    },
  }
}

async function openAll({ prisma }: KillClient): Promise<string[]> {
  try {
    await prisma.user.findMany()
    return []
  } catch (error) {
    return [String(error)]
  }
}

/** Everything that must hold after the last run. */
async function checkEnd(
  job: KillJob,
  settings: KillSettings,
  { prisma }: KillClient,
  before: ReadonlyMap<number, Record<string, unknown>>,
  last: ReadonlyMap<string, string>,
): Promise<string[]> {
  const problems: string[] = []
  const users = await prisma.user.findMany({ orderBy: { id: 'asc' } })
  if (users.length !== settings.rows) problems.push(`${settings.rows - users.length} rows are gone`)
  for (const { id, name, email, notes } of users) {
    const first = firstValues(id)
    const expected = {
      name: last.get(`${id} name`) ?? first.name,
      email: last.get(`${id} email`) ?? first.email,
      notes: first.notes,
    }
    const found = JSON.stringify({ name, email, notes })
    if (found !== JSON.stringify(expected))
      problems.push(`row ${id}: ${found} instead of ${JSON.stringify(expected)}`)
  }
  const left = await runSql(settings.url, job.leftovers)
  if (left.length > 0) problems.push(`${left.length} rows are left over`)
  for (const [id, row] of await rowsById(settings.url)) {
    if (!isQuiet(id)) continue
    for (const [column, value] of Object.entries(row)) {
      const same = JSON.stringify(value) === JSON.stringify(before.get(id)?.[column])
      if (!same && !job.changes.includes(column)) problems.push(`row ${id}: ${column} was changed`)
    }
  }
  return problems
}

async function rowsById(url: string): Promise<ReadonlyMap<number, Record<string, unknown>>> {
  const rows = await runSql<Record<string, unknown>>(url, 'SELECT * FROM "User"')
  return new Map(rows.map((row) => [Number(row['id']), row]))
}
