/** Branch keys over a real local provider: one call for thousands of data keys, and nothing that can be exchanged or lost. */
import { randomBytes } from 'node:crypto'
import { branchIdOf } from '../../src/kms/branch-key-format.js'
import type { BranchKeyStore, StoredBranchKey } from '../../src/kms/branch-key-store.js'
import { withBranchKeys, type BranchKeysOptions } from '../../src/kms/branch-keys.js'
import { kmsFailure } from '../../src/kms/failure.js'
import type { Outcome, UnwrapItem } from '../../src/kms/provider.js'
import { generateLocalKey, localKms } from '../../src/providers/local.js'
import { countingKms, memoryBranchKeys } from '../../src/testing/index.js'
import { createFakeTiming } from './fake-timing.js'

const keyId = 'local/app'
const local = localKms({ keys: { app: generateLocalKey() } })

function setUp(options: Partial<BranchKeysOptions> = {}) {
  const timing = createFakeTiming()
  const store = memoryBranchKeys()
  const service = countingKms(local)
  const all: BranchKeysOptions = {
    keyId,
    scope: 'default v1',
    namespace: null,
    store,
    maxAgeMs: 1_000_000,
    maxUses: 1_000_000,
    ttlMs: 1_000,
    maxEntries: 100,
    maxOpenUses: 1_000_000,
    timing,
    ...options,
  }
  const kms = withBranchKeys(service, all)
  const another = (more: Partial<BranchKeysOptions> = {}) => withBranchKeys(service, { ...all, ...more })
  return { timing, store, service, kms, another }
}
type Kms = ReturnType<typeof setUp>['kms']

const contextOf = (id: number) => ({ model_name: 'User', model_id: String(id) })
const codesOf = (outcomes: readonly Outcome<Uint8Array>[]) =>
  outcomes.map((outcome) => (outcome.ok ? 'ok' : (outcome.error as { code?: unknown }).code))

/** Wraps `count` data keys of one branch; gives them with what they became. */
async function wrapSome(kms: Kms, count: number, branch = 'User', firstId = 1) {
  const items = Array.from({ length: count }, (_, index) => ({
    plaintext: randomBytes(32),
    context: contextOf(firstId + index),
    branch,
  }))
  const outcomes = await kms.wrap(keyId, items, {})
  return items.map(({ plaintext, context }, index) => {
    const outcome = outcomes[index]
    if (outcome?.ok !== true) throw outcome?.error ?? new Error('no outcome')
    return { plaintext, item: { ciphertext: outcome.value, context, branch } satisfies UnwrapItem }
  })
}

async function expectOpen(kms: Kms, wrapped: Awaited<ReturnType<typeof wrapSome>>) {
  const outcomes = await kms.unwrap(
    keyId,
    wrapped.map(({ item }) => item),
    {},
  )
  expect(outcomes).toEqual(
    wrapped.map(({ plaintext }) => ({ ok: true, value: Buffer.from(plaintext), source: 'branch-key' })),
  )
}

describe('calls to the key service', () => {
  test('1,000 data keys cost one call on a server that has no branch key in memory, none afterwards', async () => {
    const { service, kms, another } = setUp()
    const wrapped = await wrapSome(kms, 1_000)
    service.reset()
    const cold = another()
    await expectOpen(cold, wrapped)
    expect(service.log).toEqual([{ operation: 'unwrap', keyId, items: 1 }])
    await expectOpen(cold, wrapped)
    await wrapSome(cold, 1_000)
    expect(service.totalCalls).toBe(1)
  })

  test('the first data key of a branch starts one key: wrapped, stored, read back and opened', async () => {
    const { service, store, kms } = setUp()
    await wrapSome(kms, 3)
    expect(service.log.map(({ operation }) => operation)).toEqual(['wrap', 'unwrap'])
    expect(store.rows).toMatchObject([{ scope: 'default v1', name: 'User', generation: 1 }])
  })

  test('the data keys of several branches take one call together, and one key each', async () => {
    const { service, store, kms, another } = setUp()
    const wrapped = [...(await wrapSome(kms, 2, 'a')), ...(await wrapSome(kms, 2, 'b', 3))]
    expect(store.rows.map(({ name }) => name)).toEqual(['a', 'b'])
    service.reset()
    await expectOpen(another(), wrapped)
    expect(service.log).toEqual([{ operation: 'unwrap', keyId, items: 2 }])
  })

  test('50 operations at the same time share the start of a branch key, and its opening', async () => {
    const { service, store, kms, another } = setUp()
    const wrapped = (
      await Promise.all(Array.from({ length: 50 }, (_, id) => wrapSome(kms, 1, 'User', id)))
    ).flat()
    expect(store.rows).toHaveLength(1)
    expect(service.totalCalls).toBe(2)
    service.reset()
    const cold = another()
    await Promise.all(wrapped.map((one) => expectOpen(cold, [one])))
    expect(service.totalCalls).toBe(1)
  })

  test('equal data keys and contexts never give equal wrapped keys', async () => {
    const { kms } = setUp()
    const item = { plaintext: Buffer.alloc(32, 7), context: contextOf(1), branch: 'User' }
    const outcomes = await kms.wrap(
      keyId,
      Array.from({ length: 100 }, () => item),
      {},
    )
    const texts = outcomes.map((outcome) => (outcome.ok ? Buffer.from(outcome.value).toString('hex') : ''))
    expect(new Set(texts).size).toBe(100)
    expect(new Set(texts.map((text) => text.slice(102))).size).toBe(100)
  })
})

describe('memory', () => {
  test('a branch key is opened again after its time, from when it was opened', async () => {
    const { timing, service, kms } = setUp({ ttlMs: 1_000 })
    const wrapped = await wrapSome(kms, 1)
    service.reset()
    await timing.advance(999)
    await expectOpen(kms, wrapped)
    expect(service.totalCalls).toBe(0)
    await timing.advance(2)
    await expectOpen(kms, wrapped)
    expect(service.totalCalls).toBe(1)
  })

  test('a disabled key ends reading and writing within that time, and at once after flush()', async () => {
    const { timing, service, kms } = setUp({ ttlMs: 1_000 })
    const [one] = await wrapSome(kms, 1)
    if (!one) throw new Error('expected one')
    service.fault = ({ operation }) => kmsFailure('KMS_KEY_DISABLED', { provider: 'local', keyId, operation })
    await expectOpen(kms, [one])
    await timing.advance(1_001)
    const again = { plaintext: randomBytes(32), context: contextOf(2), branch: 'User' }
    expect(codesOf(await kms.unwrap(keyId, [one.item], {}))).toEqual(['KMS_KEY_DISABLED'])
    expect(codesOf(await kms.wrap(keyId, [again], {}))).toEqual(['KMS_KEY_DISABLED'])

    service.fault = undefined
    await expectOpen(kms, [one]) // recovers by itself
    service.fault = ({ operation }) => kmsFailure('KMS_KEY_DISABLED', { provider: 'local', keyId, operation })
    await expectOpen(kms, [one])
    kms.flush()
    expect(codesOf(await kms.unwrap(keyId, [one.item], {}))).toEqual(['KMS_KEY_DISABLED'])
  })

  test('uses and entries are bounded', async () => {
    const bounded = setUp({ maxOpenUses: 2 })
    const wrapped = await wrapSome(bounded.kms, 1) // the first use
    bounded.service.reset()
    for (let use = 2; use <= 5; use += 1) await expectOpen(bounded.kms, wrapped)
    expect(bounded.service.totalCalls).toBe(2)

    const small = setUp({ maxEntries: 2 })
    for (const name of ['a', 'b', 'c']) await wrapSome(small.kms, 1, name)
    const [ofA] = await wrapSome(small.kms, 1, 'a')
    expect(small.store.rows).toHaveLength(3)
    if (ofA) await expectOpen(small.kms, [ofA])
  })

  test('more branches in one operation than are remembered still work', async () => {
    const { kms, another } = setUp({ maxEntries: 2 })
    const names = Array.from({ length: 7 }, (_, index) => `tenant ${index}`)
    const items = names.map((branch, id) => ({ plaintext: randomBytes(32), context: contextOf(id), branch }))
    const outcomes = await kms.wrap(keyId, items, {})
    expect(codesOf(outcomes)).toEqual(names.map(() => 'ok'))
    const stored = items.map(({ context, branch }, index) => {
      const outcome = outcomes[index]
      return { context, branch, ciphertext: outcome?.ok === true ? outcome.value : new Uint8Array() }
    })
    expect(codesOf(await another().unwrap(keyId, stored, {}))).toEqual(names.map(() => 'ok'))
  })

  test('a flush while a branch key is being opened gives no key of zeros', async () => {
    const { service, kms, another } = setUp()
    await wrapSome(another(), 1)
    service.latencyMs = 20
    const wrapping = wrapSome(kms, 1)
    await new Promise((resolve) => setTimeout(resolve, 5))
    kms.flush()
    await expectOpen(another(), await wrapping)
  })
})

describe('rotation', () => {
  test('by age: new data keys go under a new branch key, older ones stay readable', async () => {
    const { timing, store, kms } = setUp({ maxAgeMs: 10_000, ttlMs: 1_000 })
    const old = await wrapSome(kms, 2)
    await timing.advance(9_999)
    await wrapSome(kms, 1)
    expect(store.rows).toHaveLength(1)
    await timing.advance(2)
    const fresh = await wrapSome(kms, 2)
    expect(store.rows.map(({ generation }) => generation)).toEqual([1, 2])
    await expectOpen(kms, [...old, ...fresh])
  })

  test('by uses', async () => {
    const { store, kms } = setUp({ maxUses: 5 })
    const wrapped = [...(await wrapSome(kms, 3)), ...(await wrapSome(kms, 2, 'User', 4))]
    expect(store.rows).toHaveLength(1)
    wrapped.push(...(await wrapSome(kms, 1, 'User', 6)))
    expect(store.rows).toHaveLength(2)
    await expectOpen(kms, wrapped)
  })

  test('takes over the key that another server has started meanwhile', async () => {
    const { store, kms, another } = setUp({ maxUses: 2 })
    const other = another()
    await wrapSome(kms, 2)
    await wrapSome(other, 2)
    await wrapSome(other, 1) // starts the second
    await wrapSome(kms, 1)
    expect(store.rows.map(({ generation }) => generation)).toEqual([1, 2])
  })

  test('on demand, for every branch in the store', async () => {
    const { store, kms, another } = setUp()
    const old = [...(await wrapSome(kms, 1, 'a')), ...(await wrapSome(kms, 1, 'b', 2))]
    expect(await another().rotateBranchKeys()).toBe(2)
    kms.flush() // or its time
    const fresh = await wrapSome(kms, 1, 'a', 3)
    expect(store.rows.map(({ name, generation }) => `${name} ${generation}`).sort()).toEqual([
      'a 1',
      'a 2',
      'b 1',
      'b 2',
    ])
    await expectOpen(kms, [...old, ...fresh])
  })

  test('a key that was read just before a rotation is not used after it', async () => {
    const { store, another } = setUp()
    await wrapSome(another(), 1, 'a')
    let release = (): void => undefined
    let gate: Promise<void> | null = new Promise((resolve) => (release = resolve))
    const kms = another({
      store: {
        add: (row) => store.add(row),
        find: (scope, ids) => store.find(scope, ids),
        async newest(scope, names) {
          const found = await store.newest(scope, names)
          const waiting = names ? gate : null
          if (waiting) gate = null
          await waiting
          return found
        },
      },
    })
    const early = wrapSome(kms, 1, 'a', 2)
    await kms.rotateBranchKeys()
    release()
    const [late] = [...(await early), ...(await wrapSome(kms, 1, 'a', 3))].slice(-1)
    const newest = store.rows.find(({ generation }) => generation === 2)
    expect(late && branchIdOf(late.item.ciphertext)).toBe(newest?.id)
  })

  test('20 servers that start a branch key at the same time end with one, and lose nothing', async () => {
    const { store, kms, another } = setUp()
    const servers = Array.from({ length: 20 }, () => another())
    const wrapped = await Promise.all(servers.map((server, id) => wrapSome(server, 5, 'User', id * 5)))
    expect(store.rows).toHaveLength(1)
    await expectOpen(kms, wrapped.flat())
  })
})

describe('what was changed or exchanged does not open', () => {
  test('every flipped bit, every truncation and trailing bytes of a wrapped key', async () => {
    const { kms } = setUp()
    const [one] = await wrapSome(kms, 1)
    if (!one) throw new Error('expected one')
    const { ciphertext } = one.item
    const changed: Uint8Array[] = []
    for (let bit = 0; bit < ciphertext.length * 8; bit += 1) {
      const flipped = Uint8Array.from(ciphertext)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      changed.push(flipped)
    }
    for (let length = 0; length < ciphertext.length; length += 1) changed.push(ciphertext.slice(0, length))
    changed.push(Buffer.concat([ciphertext, Buffer.of(0)]))
    const codes = codesOf(
      await kms.unwrap(
        keyId,
        changed.map((bytes) => ({ ...one.item, ciphertext: bytes })),
        {},
      ),
    )
    expect(changed).toHaveLength(99 * 8 + 100)
    const idBits = codes.slice(3 * 8, 19 * 8)
    expect(new Set(idBits)).toEqual(new Set(['BRANCH_KEY_MISSING']))
    expect(new Set([...codes.slice(0, 3 * 8), ...codes.slice(19 * 8)])).toEqual(
      new Set(['KMS_INVALID_CIPHERTEXT']),
    )
  })

  test('a wrapped key under the context of another record', async () => {
    const { kms } = setUp()
    const [a, b] = await wrapSome(kms, 2)
    if (!a || !b) throw new Error('expected two')
    const exchanged = [
      { ...a.item, context: b.item.context },
      { ...a.item, context: { ...a.item.context, more: 'x' } },
    ]
    expect(codesOf(await kms.unwrap(keyId, exchanged, {}))).toEqual([
      'KMS_INVALID_CIPHERTEXT',
      'KMS_INVALID_CIPHERTEXT',
    ])
  })

  test('a wrapped key of another branch, though its branch key is in the store', async () => {
    const { service, kms, another } = setUp()
    const [ofA] = await wrapSome(kms, 1, 'a')
    if (!ofA) throw new Error('expected one')
    service.reset()
    const asB = { ...ofA.item, branch: 'b' }
    expect(codesOf(await another().unwrap(keyId, [asB], {}))).toEqual(['KMS_INVALID_CIPHERTEXT'])
    expect(service.totalCalls).toBe(0)
  })

  test('a wrapped key whose branch id was set to that of another branch key of the same branch', async () => {
    const { store, kms } = setUp({ maxUses: 1 })
    const [one] = await wrapSome(kms, 1)
    await wrapSome(kms, 1, 'User', 2)
    if (!one) throw new Error('expected one')
    const swapped = Buffer.from(one.item.ciphertext)
    swapped.write(store.rows[1]?.id ?? '', 3, 'hex')
    expect(codesOf(await kms.unwrap(keyId, [{ ...one.item, ciphertext: swapped }], {}))).toEqual([
      'KMS_INVALID_CIPHERTEXT',
    ])
  })

  const tampered: [string, (rows: readonly StoredBranchKey[]) => readonly StoredBranchKey[]][] = [
    [
      'keys exchanged',
      ([a, b]) =>
        a && b
          ? [
              { ...a, wrapped: b.wrapped },
              { ...b, wrapped: a.wrapped },
            ]
          : [],
    ],
    [
      'ids exchanged',
      ([a, b]) =>
        a && b
          ? [
              { ...a, id: b.id },
              { ...b, id: a.id },
            ]
          : [],
    ],
    [
      'one bit of the keys flipped',
      (rows) =>
        rows.map((row) => ({
          ...row,
          wrapped: row.wrapped.map((byte, at) => (at === 20 ? byte ^ 1 : byte)),
        })),
    ],
  ]
  test.each(tampered)(
    'rows of the store with their %s: neither reading nor writing goes on',
    async (_, change) => {
      const { store, kms, another } = setUp()
      const [ofA] = await wrapSome(kms, 1, 'a')
      await wrapSome(kms, 1, 'b')
      if (!ofA) throw new Error('expected one')
      const rows = change(store.rows)
      const changed: BranchKeyStore = {
        newest: (_scope, names) =>
          Promise.resolve(rows.filter(({ name }) => names?.includes(name) !== false)),
        find: (_scope, ids) => Promise.resolve(rows.filter(({ id }) => ids.includes(id))),
        add: () => Promise.resolve(),
      }
      const attacked = another({ store: changed })
      const read = codesOf(await attacked.unwrap(keyId, [ofA.item], {}))
      expect(['BRANCH_KEY_REFUSED', 'KMS_INVALID_CIPHERTEXT']).toContain(read[0])
      const item = { plaintext: randomBytes(32), context: contextOf(9), branch: 'a' }
      expect(codesOf(await attacked.wrap(keyId, [item], {}))).toEqual(['BRANCH_KEY_REFUSED'])
    },
  )

  test('a row that was given the name of another branch', async () => {
    const { store, kms, another } = setUp()
    await wrapSome(kms, 1, 'a')
    const renamed = memoryBranchKeys()
    for (const row of store.rows) await renamed.add({ ...row, name: 'b' })
    const item = { plaintext: randomBytes(32), context: contextOf(9), branch: 'b' }
    expect(codesOf(await another({ store: renamed }).wrap(keyId, [item], {}))).toEqual(['BRANCH_KEY_REFUSED'])
  })

  test('a branch key under another namespace', async () => {
    const { kms, another } = setUp()
    const [one] = await wrapSome(kms, 1)
    if (!one) throw new Error('expected one')
    const other = another({ namespace: 'staging' })
    expect(codesOf(await other.unwrap(keyId, [one.item], {}))).toEqual(['BRANCH_KEY_REFUSED'])
  })

  test('what the key service itself wrapped, and items without a branch', async () => {
    const { kms } = setUp()
    const context = contextOf(1)
    const [direct] = await local.wrap(keyId, [{ plaintext: randomBytes(32), context }], {})
    if (direct?.ok !== true) throw new Error('expected a wrapped key')
    const items = [
      { ciphertext: direct.value, context, branch: 'User' },
      { ciphertext: direct.value, context },
    ]
    expect(codesOf(await kms.unwrap(keyId, items, {}))).toEqual(['KMS_INVALID_CIPHERTEXT', 'INVALID_CONTEXT'])
    expect(codesOf(await kms.wrap(keyId, [{ plaintext: randomBytes(32), context }], {}))).toEqual([
      'INVALID_CONTEXT',
    ])
  })
})

describe('a store that fails', () => {
  const failing = (over: Partial<BranchKeyStore>) => ({ ...memoryBranchKeys(), ...over })
  const item = { plaintext: randomBytes(32), context: contextOf(1), branch: 'User' }
  const secret = Object.assign(new Error('connection to postgres://user:hunter2@db failed'), {
    code: 'ECONNREFUSED',
  })

  test('its error says nothing of the connection', async () => {
    const { kms } = setUp({ store: failing({ newest: () => Promise.reject(secret) }) })
    const error = (await kms.wrap(keyId, [item], {}).catch((thrown: unknown) => thrown)) as Error
    expect(error).toMatchObject({ code: 'BRANCH_KEY_STORE_FAILED' })
    expect(error.message).toContain('ECONNREFUSED')
    expect(error.message).not.toContain('hunter2')
    expect(error.cause).toBeUndefined()
  })

  test('nothing is wrapped under a branch key that the store does not give back, or gives back otherwise', async () => {
    const forgets = setUp({ store: failing({ add: () => Promise.resolve() }) })
    await expect(forgets.kms.wrap(keyId, [item], {})).rejects.toMatchObject({
      code: 'BRANCH_KEY_STORE_FAILED',
    })

    const memory = memoryBranchKeys()
    const damages: BranchKeyStore = {
      ...memory,
      add: (row) => memory.add({ ...row, wrapped: row.wrapped.subarray(1) }),
    }
    const { kms } = setUp({ store: damages })
    await expect(kms.wrap(keyId, [item], {})).rejects.toMatchObject({ code: 'BRANCH_KEY_STORE_FAILED' })
  })

  test('the next operation asks again', async () => {
    let fails = true
    const memory = memoryBranchKeys()
    const store: BranchKeyStore = {
      ...memory,
      newest: (scope, names) => (fails ? Promise.reject(secret) : memory.newest(scope, names)),
    }
    const { kms } = setUp({ store })
    await expect(kms.wrap(keyId, [item], {})).rejects.toMatchObject({ code: 'BRANCH_KEY_STORE_FAILED' })
    fails = false
    expect(codesOf(await kms.wrap(keyId, [item], {}))).toEqual(['ok'])
  })
})

test('an aborted caller leaves alone; the branch key that it started is there for the next', async () => {
  const { service, store, kms } = setUp()
  service.latencyMs = 20
  const controller = new AbortController()
  const item = { plaintext: randomBytes(32), context: contextOf(1), branch: 'User' }
  const aborted = kms.wrap(keyId, [item], { signal: controller.signal })
  controller.abort()
  await expect(aborted).rejects.toMatchObject({ code: 'KMS_ABORTED' })
  expect(codesOf(await kms.wrap(keyId, [item], {}))).toEqual(['ok'])
  expect(store.rows).toHaveLength(1)
})
