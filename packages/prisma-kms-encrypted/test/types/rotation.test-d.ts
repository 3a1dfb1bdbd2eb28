/** `where` of a rotation is the model's own; results are exact. Compiled by types.test.ts, never run. */
import { PrismaPg } from '@prisma/adapter-pg'
import { kmsEncrypted, rotate, rotateAll, type RotateResult } from '../../src/index.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import { PrismaClient, type Prisma } from '../generated/prisma/client.js'

/** `true` only for identical types. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** Compiles only for identical types. */
declare function same<A, B>(...proof: Same<A, B> extends true ? [] : [never]): void

const plain = new PrismaClient({ adapter: new PrismaPg({ connectionString: '' }) })
const prisma = plain.$extends(kmsEncrypted({ models: encryptedModels }))

// Both forms know the model's fields.
const all = await rotateAll(prisma.user, { where: { loginCount: { gt: 5 }, email: 'x' }, mode: 're-encrypt' })
same<typeof all, RotateResult>()
const method = await prisma.user.rotateAll({
  where: { loginCount: { gt: 5 } },
  onProgress: ({ etaMs }) => etaMs,
})
same<typeof method, RotateResult>()
const one = await rotate(prisma.user, { where: { id: 1 } })
same<typeof one, boolean>()
same<
  NonNullable<Parameters<typeof rotateAll<typeof prisma.user>>[1]>['where'],
  Prisma.UserWhereInput | undefined
>()
// @ts-expect-error no such field
void rotateAll(prisma.user, { where: { nothing: 1 } })
// @ts-expect-error no such field
void prisma.user.rotateAll({ where: { nothing: 1 } })
// @ts-expect-error a value of another type
void prisma.user.rotateAll({ where: { loginCount: 'x' } })
// @ts-expect-error a misspelt option
void prisma.user.rotateAll({ batchsize: 1 })
// @ts-expect-error no such mode
void prisma.user.rotateAll({ mode: 'reencrypt' })
// @ts-expect-error which record?
void rotate(prisma.user, {})

// A client that was extended further keeps them.
const further = prisma.$extends({ model: { user: { hello: () => 'hello' } } })
const again = await further.user.rotateAll({ where: { name: 'x' } })
same<typeof again, RotateResult>()
