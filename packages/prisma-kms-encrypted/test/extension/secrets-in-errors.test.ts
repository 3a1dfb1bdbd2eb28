/** No error that reaches the caller holds a plaintext, a data key or a master key, however it is printed. */
import { inspect } from 'node:util'
import { localKeys } from '../support/extended-client.js'
import { useExtendedDatabase, versionsAt, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
const canary = 'canary-9f3c1e77a0-plaintext'
const secret = {
  name: `${canary} name`,
  email: `${canary} email`,
  notes: { deep: [canary] },
  avatar: Buffer.from(canary),
  phone: canary,
}

/** Everything that printing, logging or serialising an error can show, of it and of what caused it. */
function allTextOf(error: unknown): string {
  const texts: string[] = []
  const seen = new Set<unknown>()
  for (let current = error; current instanceof Error && !seen.has(current); current = current.cause) {
    seen.add(current)
    texts.push(
      String(current),
      current.stack ?? '',
      JSON.stringify(current),
      JSON.stringify(Object.getOwnPropertyDescriptors(current)),
    )
    texts.push(
      inspect(current, {
        depth: Infinity,
        showHidden: true,
        maxStringLength: null,
        maxArrayLength: null,
        getters: true,
      }),
    )
  }
  return texts.join('\n')
}

let client: ExtendedClient
let id: number
const dataKeys = new Set<string>()

beforeAll(async () => {
  client = database.connect()
  client.kms.fault = ({ item }) => {
    if ('plaintext' in item) dataKeys.add(Buffer.from(item.plaintext).toString('hex'))
    return undefined
  }
  id = (await client.prisma.user.create({ data: { ...secret, profile: { create: { bio: canary } } } })).id
})

const denied = (operation: string) => (use: ExtendedClient) => {
  use.kms.fault = (request) => {
    if ('plaintext' in request.item) dataKeys.add(Buffer.from(request.item.plaintext).toString('hex'))
    return request.operation === operation
      ? new Error(`cannot ${operation} ${inspect(request.item)}`)
      : undefined
  }
}
const tampered = (column: string, value: unknown) => async () => {
  await database.sql(`UPDATE "User" SET "${column}" = $2 WHERE id = $1`, id, value)
}
const where = {
  get id() {
    return id
  },
}
const failures: Record<
  string,
  [(use: ExtendedClient) => unknown, (use: ExtendedClient) => Promise<unknown>]
> = {
  'a wrap that fails': [denied('wrap'), ({ prisma }) => prisma.user.create({ data: secret })],
  'an unwrap that fails': [denied('unwrap'), ({ prisma }) => prisma.user.findUnique({ where: { id } })],
  'an update whose unwrap fails': [
    denied('unwrap'),
    ({ prisma }) => prisma.user.update({ where: { id }, data: secret }),
  ],
  'a filter': [() => null, ({ prisma }) => prisma.user.findMany({ where: { email: canary } })],
  'a filter deep inside': [
    () => null,
    ({ prisma }) =>
      prisma.org.findMany({ where: { users: { some: { OR: [{ NOT: { name: { in: [canary] } } }] } } } }),
  ],
  'a lone surrogate': [
    () => null,
    ({ prisma }) => prisma.user.create({ data: { ...secret, email: `${canary}\ud800` } }),
  ],
  'a value that is too long': [
    () => null,
    ({ prisma }) => prisma.profile.update({ where: { userId: id }, data: { headline: canary.repeat(20) } }),
  ],
  'a value of another type': [
    () => null,
    ({ prisma }) => prisma.user.create({ data: { ...secret, email: { text: canary } as never } }),
  ],
  'a planted key': [
    () => null,
    ({ prisma }) => prisma.user.create({ data: { ...secret, encryptedKmsKey: 'v1:AAAA' } }),
  ],
  'an unknown argument beside the data': [
    () => null,
    ({ prisma }) => prisma.user.create({ data: { ...secret, bogus: 1 } as never }),
  ],
  'a unique violation': [() => null, ({ prisma }) => prisma.user.create({ data: { ...secret, id } })],
  'a missing record': [
    () => null,
    ({ prisma }) => prisma.user.update({ where: { id: 99_999 }, data: secret }),
  ],
  'a missing record in a batch': [
    () => null,
    ({ prisma }) =>
      prisma.$transaction([
        prisma.user.create({ data: secret }),
        prisma.user.update({ where: { id: 99_999 }, data: secret }),
      ]),
  ],
  'plaintext in the column': [tampered('email', canary), ({ prisma }) => prisma.user.findUnique({ where })],
  'a tampered key': [
    tampered('encryptedKmsKey', `v1:${Buffer.from(canary).toString('base64')}`),
    ({ prisma }) => prisma.user.findUnique({ where }),
  ],
  'a key column that is none': [
    tampered('encryptedKmsKey', canary),
    ({ prisma }) => prisma.user.findUnique({ where }),
  ],
  'an unknown version': [
    tampered('encryptedKmsKey', 'v9:AAAA'),
    ({ prisma }) => prisma.user.findUnique({ where }),
  ],
}

test.each(Object.entries(failures))('%s', async (_, [prepare, run]) => {
  const use = database.connect(versionsAt(1))
  await prepare(use)
  let caught: unknown
  await run(use).catch((error: unknown) => (caught = error))
  expect(caught).toBeInstanceOf(Error)
  const text = allTextOf(caught)
  expect(dataKeys.size).toBeGreaterThan(0)
  const keys = [...dataKeys].flatMap((hex) => [hex, Buffer.from(hex, 'hex').toString('base64')])
  const secrets = [canary, Buffer.from(canary).toString('hex'), ...keys, ...Object.values(localKeys)]
  expect(secrets.filter((value) => text.includes(value))).toEqual([])
})
