/** The judge of the table catches what must not count as supported. */
import { KmsEncryptedError } from '../../src/errors.js'
import type { Call } from './cell.js'
import { createFixture, type DynamicClient, type Fixture } from './fixture.js'
import { judge } from './judge.js'

let fixture: Fixture
beforeAll(async () => {
  fixture = await createFixture()
})
afterAll(() => fixture.close())

const read: Call = { model: 'User', operation: 'findUnique', args: { where: { id: 1 } } }
const write: Call = { model: 'User', operation: 'update', args: { where: { id: 1 }, data: { email: 'e' } } }

/** The fixture with another answer of the encrypted side. */
function answering(operation: string, answer: (args: object) => Promise<unknown>): Fixture {
  const user = {
    ...fixture.encrypted['user'],
    findMany: fixture.encrypted['user']?.['findMany'],
    [operation]: answer,
  }
  const models = ['org', 'tag', 'profile', 'post', 'account', 'membership']
  const others = Object.fromEntries(models.map((model) => [model, fixture.encrypted[model]]))
  return { ...fixture, encrypted: { ...others, user } as unknown as DynamicClient }
}

const refusal = new KmsEncryptedError({ code: 'ENCRYPTED_FILTER', message: 'm', why: 'w', fix: 'f' })
const original = (operation: string) => (args: object) => {
  const method = fixture.encrypted['user']?.[operation]
  return method ? method(args) : Promise.reject(new Error(operation))
}

test('what is right is supported, what is refused has its code', async () => {
  expect(await judge(fixture, read, 'alone')).toEqual({ kind: 'supported' })
  expect(await judge(fixture, write, 'alone')).toEqual({ kind: 'supported' })
  const filter: Call = { model: 'User', operation: 'findMany', args: { where: { email: 'x' } } }
  expect(await judge(fixture, filter, 'alone')).toEqual({ kind: 'refused', code: 'ENCRYPTED_FILTER' })
  const unknown: Call = { ...read, args: { where: { id: 1 }, nothing: 1 } }
  expect(await judge(fixture, unknown, 'alone')).toEqual({ kind: 'none' })
})

test.each<[string, Call, (args: object) => Promise<unknown>, string]>([
  [
    'another value',
    read,
    async (args) => ({ ...((await original('findUnique')(args)) as object), name: 'Eve' }),
    'expected',
  ],
  [
    'ciphertext',
    read,
    async (args) => ({ ...((await original('findUnique')(args)) as object), name: 'S0UB' }),
    'expected',
  ],
  ['no record', read, () => Promise.resolve(null), 'expected'],
  ['an error of another kind', read, () => Promise.reject(new Error('other')), 'threw'],
  [
    'a write that is not stored',
    write,
    async () => ({ ...((await original('findUnique')({ where: { id: 1 } })) as object), email: 'e' }),
    'stored',
  ],
  [
    'a refusal after a write',
    write,
    async (args) => {
      await original('update')(args)
      throw refusal
    },
    'refused after a write',
  ],
])('%s is an error', async (_, call, answer, message) => {
  await expect(judge(answering(call.operation, answer), call, 'alone')).rejects.toThrow(message)
})

test('a case in which plain Prisma fails proves nothing', async () => {
  const missing: Call = { ...write, args: { where: { id: 77 }, data: { email: 'e' } } }
  await expect(judge(fixture, missing, 'alone')).rejects.toThrow('No record was found')
  expect(await judge(fixture, missing, 'alone', 'P2025')).toEqual({ kind: 'supported' })
})
