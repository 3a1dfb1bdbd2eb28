/**
 * A table on its way from plaintext to ciphertext beside a plain twin: random operations of all kinds of deployments, with
 * encryptAll in between, must come to the same in both. `TWIN_RUNS` sets the number of sequences, `TWIN_SEED` the first.
 */
import { encryptAll } from '../../src/index.js'
import { useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'

const runs = Number(process.env['TWIN_RUNS'] ?? 3)
const firstSeed = Number(process.env['TWIN_SEED'] ?? 1)
const stepsPerRun = 60
const database = useExtendedDatabase()
let reading: ExtendedClient
let writing: ExtendedClient

beforeAll(() => {
  reading = database.connect({ migrating: { Account: 'read' } })
  writing = database.connect({ migrating: { Account: 'write' } })
})
beforeEach(() => database.sql('TRUNCATE "Account", "PlainAccount" RESTART IDENTITY CASCADE'))

/** Numbers from 0 to 1 that the seed decides (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

interface Delegate {
  create(args: object): Promise<unknown>
  update(args: object): Promise<unknown>
  updateMany(args: object): Promise<unknown>
  upsert(args: object): Promise<unknown>
  deleteMany(args: object): Promise<unknown>
  findMany(args: object): Promise<unknown>
  findUnique(args: object): Promise<unknown>
  count(args: object): Promise<unknown>
}

const shown = { id: true, email: true, phone: true, taxId: true, city: true, label: true }
// Values that normalisation leaves as they are: plaintext is compared exactly, ciphertext by normalised value.
const values = {
  email: ['a@x', 'b@x', 'c@x', 'd@x', null],
  phone: ['1', '22', '333', null],
  taxId: ['p', 'q', 'S0UA', null],
  city: ['Paris', '', 'Köln', null],
  label: ['l', 'm'],
} as const
type Field = keyof typeof values

/** One random operation, in words that both delegates understand. */
function operationOf(random: () => number, plain: boolean): [name: keyof Delegate, args: object] {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T // never empty
  // Without this library nobody keeps the index of the unique field, so old deployments leave that alone here.
  const fields = (Object.keys(values) as Field[]).filter((field) => !plain || field !== 'email')
  const data = () =>
    Object.fromEntries(
      fields.filter(() => random() < 0.5).map((field) => [field, pick<unknown>(values[field])]),
    )
  const id = () => 1 + Math.floor(random() * 8)
  const condition = (field: 'email' | 'phone' | 'taxId'): object => {
    const [one, other] = [pick(values[field]), pick(values[field])]
    const listed = [one, other].filter((value) => value !== null)
    return pick<object>([
      { [field]: one },
      { [field]: { not: one } },
      { [field]: { in: listed } },
      { [field]: { notIn: listed } },
      { NOT: { [field]: { in: listed } } },
      { [field]: { not: { in: listed } }, label: pick(values.label) },
    ])
  }
  // An old deployment searches its own way; here it names rows by what it can compare.
  const where = () => (plain ? { id: id() } : condition(pick(['email', 'phone', 'taxId'] as const)))
  const unique = () => {
    const email = pick(['a@x', 'b@x', 'c@x', 'd@x'])
    return plain || random() < 0.5 ? { id: id() } : { email }
  }
  const orderBy = { id: 'asc' }
  return pick<() => [keyof Delegate, object]>([
    () => ['create', { data: data(), select: { label: true } }],
    () => ['update', { where: unique(), data: data(), select: plain ? { id: true } : shown }],
    () => ['updateMany', { where: where(), data: data() }],
    () => ['upsert', { where: unique(), create: data(), update: data(), select: { id: true } }],
    () => ['findUnique', { where: unique(), select: plain ? { id: true } : shown }],
    () => ['findMany', { where: where(), select: plain ? { id: true } : shown, orderBy }],
    () => ['findMany', { where: where(), select: { id: true }, orderBy, take: 2 }],
    () => ['count', { where: where() }],
    () => (random() < 0.2 ? ['deleteMany', { where: where() }] : ['count', { where: where() }]),
  ])()
}

async function outcomeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work
  } catch (error) {
    return { code: (error as { code?: unknown }).code ?? String(error) }
  }
}

test.each(Array.from({ length: runs }, (_, index) => firstSeed + index))('sequence %i', async (seed) => {
  const random = randomFrom(seed)
  const twin = reading.plain.plainAccount as unknown as Delegate
  const deployments = [reading.plain, reading.prisma, writing.prisma].map(
    ({ account }) => account as unknown as Delegate, // called with plain argument objects
  )
  let sealed = 0
  for (let step = 0; step < stepsPerRun; step++) {
    // Old deployments are gone after a third, those in 'read' after two thirds.
    const stage = Math.floor((step * 3) / stepsPerRun)
    const kind = stage === 0 ? Math.floor(random() * 2) : stage === 1 ? 1 + Math.floor(random() * 2) : 2
    const [name, args] = operationOf(random, kind === 0)
    const [expected, actual] = [
      await outcomeOf(twin[name](args)),
      await outcomeOf((deployments[kind] ?? twin)[name](args)),
    ]
    expect({ step, kind, name, args, outcome: actual }).toEqual({ step, kind, name, args, outcome: expected })
    // A failed insert takes an id; the sequences stay together.
    await database.sql(
      `SELECT setval('"Account_id_seq"', (SELECT last_value FROM "PlainAccount_id_seq"), (SELECT is_called FROM "PlainAccount_id_seq"))`,
    )
    if (step % 10 === 9) {
      const migrating = stage === 0 ? reading : writing
      const { failures, done } = await encryptAll(migrating.prisma.account, { batchSize: 3 })
      expect(failures).toEqual([])
      if (stage > 0) sealed += done
    }
    const all = { select: shown, orderBy: { id: 'asc' } }
    expect(await writing.prisma.account.findMany(all as object)).toEqual(await twin.findMany(all))
  }
  expect(sealed).toBeGreaterThan(0)
})
