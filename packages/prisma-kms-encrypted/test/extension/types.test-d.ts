/** Checked by the compiler, never run: names are those of the schema, and results keep Prisma's exact types. */
import { kmsEncrypted, rotateAll } from '../../src/index.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import type { Prisma } from '../generated/prisma/client.js'
import { createClient } from '../support/client.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>): void => undefined

const { prisma: plain } = createClient({ url: '' })
const prisma = plain.$extends(
  kmsEncrypted({ models: encryptedModels, keys: { phone: { keyId: 'local/phone' } } }),
)

// Names of keys and models.
kmsEncrypted({
  models: encryptedModels,
  keys: {
    default: { keyId: 'local/app', context: ({ model, id }) => ({ model, id }) },
    phone: { keyId: 'local/phone' },
  },
})
// @ts-expect-error no schema comment names this key
kmsEncrypted({ models: encryptedModels, keys: { fax: { keyId: 'local/app' } } })
// @ts-expect-error the models are required
kmsEncrypted({ keyId: 'local/app' })
// @ts-expect-error a key has an id or versions
kmsEncrypted({ models: encryptedModels, keys: { phone: { eager: 'fetch-id' } } })
// @ts-expect-error versions need a current one
kmsEncrypted({ models: encryptedModels, keys: { phone: { versions: { 1: { keyId: 'local/app' } } } } })
// @ts-expect-error a context holds strings
kmsEncrypted({ models: encryptedModels, keys: { phone: { keyId: 'local/app', context: () => ({ id: 1 }) } } })
// @ts-expect-error a misspelt option
kmsEncrypted({ models: encryptedModels, keyid: 'local/app' })

// Results.
export async function results() {
  const [created, expected] = [
    await prisma.user.create({ data: { name: 'x' } }),
    await plain.user.create({ data: { name: 'x' } }),
  ]
  same<typeof created, typeof expected>(true)
  const selected = await prisma.user.findMany({ select: { email: true, posts: { select: { body: true } } } })
  same<typeof selected, { email: string | null; posts: { body: string | null }[] }[]>(true)
  const omitted = await prisma.user.findUniqueOrThrow({ where: { id: 1 }, omit: { encryptedKmsKey: true } })
  // @ts-expect-error omitted
  void omitted.encryptedKmsKey
  const fluent = await prisma.user.findUnique({ where: { id: 1 } }).profile({ select: { bio: true } })
  same<typeof fluent, { bio: string } | null>(true)
  const batch = await prisma.$transaction([
    prisma.user.count(),
    prisma.org.findFirst({ select: { name: true } }),
  ])
  same<typeof batch, [number, { name: string } | null]>(true)
  const inside = await prisma.$transaction(async (tx) => tx.user.findFirst({ select: { phone: true } }))
  same<typeof inside, { phone: string | null } | null>(true)
  // @ts-expect-error Prisma's own check of arguments stays
  await prisma.user.create({ data: { nmae: 'x' } })
  const args = { where: { email: null } } satisfies Prisma.UserFindManyArgs
  await prisma.user.findMany(args)
  const { done } = await rotateAll(prisma.user, { onProgress: ({ failed }) => failed })
  same<typeof done, number>(true)
  // @ts-expect-error a misspelt option
  await rotateAll(prisma.user, { onprogress: () => undefined })
}
