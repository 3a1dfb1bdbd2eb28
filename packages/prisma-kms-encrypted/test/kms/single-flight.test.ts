import { withSingleFlight } from '../../src/kms/single-flight.js'
import { createFakeProvider, failure, plain, shortForm, successOf, wrapped } from './fake-provider.js'
import { settle } from './fake-timing.js'

/** A provider that answers when it is told to. */
function setUp() {
  const answers: (() => void)[] = []
  const provider = createFakeProvider(
    ({ items }) =>
      new Promise((resolve) =>
        answers.push(() => {
          resolve(items.map(successOf))
        }),
      ),
  )
  const land = async () => {
    for (const answer of answers.splice(0)) answer()
    await settle()
  }
  return { provider, kms: withSingleFlight(provider), land }
}

test('concurrent unwraps of one key are one flight; the rest of each batch is sent', async () => {
  const { provider, kms, land } = setUp()
  const first = kms.unwrap('key', [wrapped(1), wrapped(2)], {})
  const second = kms.unwrap('key', [wrapped(2), wrapped(3)], {})
  await land()
  expect([...(await first), ...(await second)].map(shortForm)).toEqual([2, 3, 3, 4])
  expect(provider.calls.map(({ items }) => items.length)).toEqual([2, 1])
})

test('everybody gets bytes of their own, and nothing is kept afterwards', async () => {
  const { provider, kms, land } = setUp()
  const both = [kms.unwrap('key', [wrapped(1)], {}), kms.unwrap('key', [wrapped(1)], {})]
  await land()
  const [[first], [second]] = (await Promise.all(both)) as [
    Awaited<(typeof both)[0]>,
    Awaited<(typeof both)[0]>,
  ]
  if (first?.ok === true) first.value.fill(0)
  expect(second && shortForm(second)).toBe(2)
  const later = kms.unwrap('key', [wrapped(1)], {})
  await land()
  expect((await later).map(shortForm)).toEqual([2])
  expect(provider.calls).toHaveLength(2)
})

test('another context or key id is another flight; wraps are never joined', async () => {
  const { provider, kms, land } = setUp()
  const all = [
    kms.unwrap('key', [wrapped(1, 'a')], {}),
    kms.unwrap('key', [wrapped(1, 'b')], {}),
    kms.unwrap('other', [wrapped(1, 'a')], {}),
    kms.wrap('key', [plain(1)], {}),
    kms.wrap('key', [plain(1)], {}),
  ]
  await land()
  await Promise.all(all)
  expect(provider.calls).toHaveLength(5)
})

test('after forget() nobody joins what is on its way, and who waits still gets it', async () => {
  const { provider, kms, land } = setUp()
  const before = kms.unwrap('key', [wrapped(1)], {})
  kms.forget()
  const after = kms.unwrap('key', [wrapped(1)], {})
  await land()
  expect([...(await before), ...(await after)].map(shortForm)).toEqual([2, 2])
  expect(provider.calls).toHaveLength(2)
})

test('a failure reaches all who wait, and is not kept', async () => {
  const provider = createFakeProvider(({ items }, number) =>
    Promise.resolve(number === 1 ? items.map(() => failure('KMS_ACCESS_DENIED')) : items.map(successOf)),
  )
  const kms = withSingleFlight(provider)
  const both = await Promise.all([kms.unwrap('key', [wrapped(1)], {}), kms.unwrap('key', [wrapped(1)], {})])
  expect(both.flat().map(shortForm)).toEqual(['KMS_ACCESS_DENIED', 'KMS_ACCESS_DENIED'])
  expect((await kms.unwrap('key', [wrapped(1)], {})).map(shortForm)).toEqual([2])
})
