/** A key that is disabled under running servers with keys in memory, and enabled again; AWS's own SDK over HTTP. */
import { setTimeout as sleep } from 'node:timers/promises'
import { awsKms } from '../../src/providers/aws.js'
import { memoryBranchKeys } from '../../src/testing/index.js'
import { answerLikeKms, stubClient } from '../providers/aws-stub.js'
import { startHttpStub, type HttpStub } from '../providers/http-stub.js'
import { codeOf, useExtendedDatabase } from '../support/extended-database.js'

const database = useExtendedDatabase()
const keyId = '1234abcd-12ab-34cd-56ef-1234567890ab'
const closing: (() => void)[] = []
let stub: HttpStub

beforeAll(async () => {
  stub = await startHttpStub(answerLikeKms)
})
afterAll(async () => {
  for (const close of closing) close()
  await stub.stop()
})

function connect(memory: 'cache' | 'branch keys', ttlMs: number) {
  const client = stubClient(stub.url)
  closing.push(() => {
    client.destroy()
  })
  const branchKeys = { store: memoryBranchKeys(), per: 'model' as const, memory: { ttlMs } }
  return database.connect({
    keys: { default: { keyId, ...(memory === 'branch keys' && { branchKeys }) }, phone: { keyId } },
    ...(memory === 'cache' && { cache: { ttlMs, maxEntries: 2_000 } }),
    calls: { deadlineMs: 60_000 }, // the machine may be busy
    ...({ providers: [awsKms({ client })] } as object), // in place of the local provider
  })
}

const disable = () => {
  stub.answer = () => ({ status: 400, json: { __type: 'DisabledException' } })
}
const enable = () => {
  stub.answer = answerLikeKms
}

describe.each(['cache', 'branch keys'] as const)('with keys in memory by %s', (memory) => {
  test('a disabled key stops reading within the TTL, and reading goes on once it is enabled', async () => {
    const ttlMs = 1_000
    const { prisma } = connect(memory, ttlMs)
    const { id } = await prisma.user.create({ data: { name: 'x' } })
    const read = () => prisma.user.findUnique({ where: { id } })
    expect(await read()).toMatchObject({ name: 'x' })
    disable()
    const disabledAt = Date.now()
    let code: unknown = null
    let lastStart = disabledAt // of a reading that succeeded
    for (let start = disabledAt; code === null; start = Date.now()) {
      code = await codeOf(read())
      if (code === null) lastStart = start
      await sleep(20)
    }
    expect(code).toBe('KMS_KEY_DISABLED')
    expect(lastStart - disabledAt).toBeLessThanOrEqual(ttlMs)
    enable()
    expect(await read()).toMatchObject({ name: 'x' })
  })

  test('… at once after flush(), and costs no request while it is in memory', async () => {
    const { prisma } = connect(memory, 600_000)
    const { id } = await prisma.user.create({ data: { name: 'y' } })
    const read = () => prisma.user.findUnique({ where: { id } })
    await read()
    disable()
    const before = stub.requests.length
    expect(await read()).toMatchObject({ name: 'y' })
    expect(stub.requests).toHaveLength(before)
    prisma.$kms.flush()
    expect(await codeOf(read())).toBe('KMS_KEY_DISABLED')
    enable()
    expect(await read()).toMatchObject({ name: 'y' })
  })
})

test('1,000 rows: as many requests as rows, one with branch keys, none with a warm cache', async () => {
  // A busy machine may break a connection, whose request then comes again: each counts once.
  const requestsOf = async (action: () => Promise<unknown>): Promise<number> => {
    const before = stub.requests.length
    await action()
    return new Set(stub.requests.slice(before).map(({ body }) => JSON.stringify(body))).size
  }
  await database.sql('TRUNCATE "User" CASCADE')
  const cached = connect('cache', 600_000).prisma
  const data = Array.from({ length: 1_000 }, (_, index) => ({ name: `name ${index}` }))
  expect(await requestsOf(() => cached.user.createMany({ data }))).toBe(1_000)
  expect(await requestsOf(() => cached.user.findMany())).toBe(1_000)
  expect(stub.peak).toBeLessThanOrEqual(64)
  expect(await requestsOf(() => cached.user.findMany())).toBe(0)

  await database.sql('TRUNCATE "User" CASCADE')
  const branched = connect('branch keys', 600_000).prisma
  await branched.user.createMany({ data })
  branched.$kms.flush()
  expect(await requestsOf(() => branched.user.findMany())).toBe(1)
  expect(await requestsOf(() => branched.user.findMany())).toBe(0)
})
