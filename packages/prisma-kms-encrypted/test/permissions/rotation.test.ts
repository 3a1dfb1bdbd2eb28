/** Rotation on servers that may do only one side: refused at once, unless the key service does it all by itself. */
import { createExtendedClient } from '../support/extended-client.js'
import { errorOf, useExtendedDatabase, versionsAt } from '../support/extended-database.js'
import type { KmsProvider } from '../../src/kms/provider.js'
import { localKms } from '../../src/providers/local.js'
import { localKeys } from '../support/extended-client.js'
import { rotate, rotateAll } from '../../src/rotation/rotate-all.js'

const database = useExtendedDatabase()

/** The local key as a service that also rewraps. */
function rewrapping(): KmsProvider {
  const local = localKms({ keys: localKeys })
  return {
    ...local,
    async rewrap(keyId, items, call) {
      const opened = await local.unwrap(keyId, items, call)
      const plain = opened.map((outcome, index) => {
        if (!outcome.ok) throw outcome.error
        return { plaintext: outcome.value, context: items[index]?.context ?? {} }
      })
      return local.wrap(keyId, plain, call)
    },
  }
}

describe.each([
  ['encrypt-only', 'DECRYPT_NOT_PERMITTED'],
  ['decrypt-only', 'ENCRYPT_NOT_PERMITTED'],
] as const)('%s', (mode, code) => {
  test('between two key ids, or with new data keys, before any key service is asked', async () => {
    const client = database.connect({ ...versionsAt(2), mode })
    await database.reader.user.upsert({
      where: { handle: mode },
      create: { handle: mode, name: 'n' },
      update: {},
    })
    for (const run of [
      () => rotateAll(client.prisma.user),
      () => rotateAll(client.prisma.user, { mode: 're-encrypt' }),
      () => rotate(client.prisma.user, { where: { handle: mode }, key: 'default' }),
    ]) {
      const error = await errorOf(run())
      expect(error).toMatchObject({ code, fix: expect.stringContaining('read-write') as unknown })
    }
    expect(client.kms.totalCalls).toBe(0)
  })

  test('inside a key service that rewraps, it works without either permission', async () => {
    const { id } = await database.reader.user.create({ data: { name: 'n', email: 'e' } })
    const before = await database.stored('"User"', id)
    const { prisma, plain } = createExtendedClient(
      { url: database.url },
      { mode, ...({ providers: [rewrapping()] } as object) },
    )
    const result = await rotateAll(prisma.user, { force: true, where: { id }, key: 'default' })
    expect(result).toMatchObject({ done: 1, failed: 0 })
    await plain.$disconnect()
    const after = await database.stored('"User"', id)
    expect(after['encryptedKmsKey']).not.toBe(before['encryptedKmsKey'])
    expect(after['email']).toBe(before['email'])
    expect(await database.reader.user.findUnique({ where: { id } })).toMatchObject({ name: 'n', email: 'e' })
  })
})

test('an encrypt-only server cannot verify what it has rotated', async () => {
  const { prisma, plain } = createExtendedClient(
    { url: database.url },
    { mode: 'encrypt-only', ...({ providers: [rewrapping()] } as object) },
  )
  const error = await errorOf(rotateAll(prisma.user, { force: true, verify: true }))
  expect(error.code).toBe('DECRYPT_NOT_PERMITTED')
  await plain.$disconnect()
})
