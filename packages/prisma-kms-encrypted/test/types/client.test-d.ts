/** The extended client has Prisma's exact input and result types. Compiled by types.test.ts, never run. */
import { PrismaPg } from '@prisma/adapter-pg'
import { kmsEncrypted, withoutDecryption } from '../../src/index.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import { Prisma, PrismaClient, type Account, type Post, type User } from '../generated/prisma/client.js'

/** `true` only for identical types. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** Compiles only for identical types. */
declare function same<A, B>(...proof: Same<A, B> extends true ? [] : [never]): void

const plain = new PrismaClient({ adapter: new PrismaPg({ connectionString: '' }) })
const prisma = plain.$extends(kmsEncrypted({ models: encryptedModels }))
type Plain = typeof plain
type Extended = typeof prisma

// The check itself tells types apart.
same<{ a: 1 }, { a: 1 }>()
// @ts-expect-error an optional property is another type
same<{ a: 1 }, { a?: 1 }>()
// @ts-expect-error `any` is another type
same<{ a: 1 }, ReturnType<typeof JSON.parse>>()

// Results: whole records, select, include, omit, counts and aggregates.
same<Awaited<ReturnType<Extended['user']['findMany']>>, User[]>()
const one = await prisma.user.findUnique({ where: { id: 1 } })
same<typeof one, User | null>()
const thrown = await prisma.user.findUniqueOrThrow({ where: { id: 1 } })
same<typeof thrown, User>()
const byIndex = await prisma.account.findUnique({ where: { email: 'x' } })
same<typeof byIndex, Account | null>()
const selected = await prisma.user.findFirst({ select: { email: true, posts: { select: { body: true } } } })
same<typeof selected, { email: string | null; posts: { body: string | null }[] } | null>()
const included = await prisma.user.findFirstOrThrow({ include: { posts: true } })
same<typeof included.posts, Post[]>()
const omitted = await prisma.user.findFirstOrThrow({ omit: { email: true } })
same<'email' extends keyof typeof omitted ? true : false, false>()
same<typeof omitted.name, string>()
const created = await prisma.user.create({ data: { name: 'x' }, select: { id: true } })
same<typeof created, { id: number }>()
const many = await prisma.user.createManyAndReturn({ data: [{ name: 'x' }] })
same<typeof many, User[]>()
const batch = await prisma.user.updateMany({ data: { name: 'x' } })
same<typeof batch, Prisma.BatchPayload>()
const updated = await prisma.user.updateManyAndReturn({ data: { name: 'x' }, select: { name: true } })
same<typeof updated, { name: string }[]>()
const upserted = await prisma.user.upsert({ where: { id: 1 }, create: { name: 'x' }, update: {} })
same<typeof upserted, User>()
const deleted = await prisma.user.delete({ where: { id: 1 }, select: { name: true } })
same<typeof deleted, { name: string }>()
const counted = await prisma.user.count({ select: { email: true, _all: true } })
same<typeof counted, { email: number; _all: number }>()
const grouped = await prisma.user.groupBy({ by: ['role'], _count: true })
const groupedPlainly = await plain.user.groupBy({ by: ['role'], _count: true })
same<typeof grouped, typeof groupedPlainly>()
const fluent = await prisma.user.findUniqueOrThrow({ where: { id: 1 } }).posts({ select: { body: true } })
same<typeof fluent, { body: string | null }[]>()

// Inputs are Prisma's own.
same<Prisma.Args<Extended['user'], 'create'>['data'], Prisma.Args<Plain['user'], 'create'>['data']>()
same<Prisma.Args<Extended['user'], 'findMany'>['where'], Prisma.Args<Plain['user'], 'findMany'>['where']>()
same<Prisma.Args<Extended['user'], 'update'>['data'], Prisma.Args<Plain['user'], 'update'>['data']>()
same<Prisma.Args<Extended['account'], 'upsert'>['where'], Prisma.Args<Plain['account'], 'upsert'>['where']>()
// @ts-expect-error a required field is missing
void prisma.user.create({ data: {} })
// @ts-expect-error no such field
void prisma.user.findMany({ where: { nothing: 1 } })
// @ts-expect-error a value of another type
void prisma.user.update({ where: { id: 1 }, data: { email: 5 } })
// @ts-expect-error no such column in a selection
void prisma.user.findMany({ select: { nothing: true } })
// @ts-expect-error no such model
void prisma.nobody

// Both forms of $transaction, with their options.
const tuple = await prisma.$transaction([
  prisma.user.findMany({ select: { name: true } }),
  prisma.user.count(),
  prisma.account.findUnique({ where: { email: 'x' } }),
])
same<typeof tuple, [{ name: string }[], number, Account | null]>()
const inside = await prisma.$transaction(
  async (tx) => {
    same<typeof tx.user, Extended['user']>()
    // @ts-expect-error a transaction cannot be extended
    void tx.$extends
    return (await tx.user.findFirstOrThrow()).name
  },
  { isolationLevel: Prisma.TransactionIsolationLevel.Serializable, maxWait: 1, timeout: 1 },
)
same<typeof inside, string>()
// @ts-expect-error no such option
void prisma.$transaction([], { nothing: 1 })
// @ts-expect-error not operations
void prisma.$transaction([1])

// $kms knows the encrypted models.
const opened = await prisma.$kms.openRows('User', [{ id: 1, name: 'x' }])
same<typeof opened, { id: number; name: string }[]>()
const raw = await prisma.$kms.openRows('User', await prisma.$queryRaw<{ email: string | null }[]>`SELECT 1`)
same<typeof raw, { email: string | null }[]>()
same<
  Parameters<Extended['$kms']['context']>[0],
  'User' | 'Profile' | 'Post' | 'Comment' | 'Device' | 'Membership' | 'AuditEntry' | 'Account'
>()
void prisma.$kms.seal('Comment', { text: 'x' }, { id: 1n })
// @ts-expect-error a plain model
void prisma.$kms.openRows('Org', [])
// @ts-expect-error no such model
void prisma.$kms.context('Nobody', 1)
// @ts-expect-error the id is missing
void prisma.$kms.seal('User', { name: 'x' })

// Beside it.
const stored = await withoutDecryption(() => prisma.user.findMany({ select: { email: true } }))
same<typeof stored, { email: string | null }[]>()

// Extensions around it keep their types, and ours.
const further = prisma.$extends({
  result: { user: { greeting: { needs: { name: true }, compute: ({ name }) => `Dear ${name}` } } },
  model: { user: { hello: (): string => 'hello' } },
  client: { $hello: (): number => 5 },
})
const greeted = await further.user.findFirstOrThrow({ select: { greeting: true, email: true } })
same<typeof greeted, { greeting: string; email: string | null }>()
same<ReturnType<typeof further.user.hello>, string>()
same<ReturnType<typeof further.$hello>, number>()
same<typeof further.$kms, Extended['$kms']>()
const before = plain
  .$extends({ result: { user: { initial: { needs: { name: true }, compute: ({ name }) => name.length } } } })
  .$extends(kmsEncrypted({ models: encryptedModels }))
const initial = await before.user.findFirstOrThrow({ select: { initial: true } })
same<typeof initial, { initial: number }>()

// The payload of Prisma's own helper types.
type UserWithPosts = Prisma.Result<Extended['user'], { include: { posts: true } }, 'findFirstOrThrow'>
same<UserWithPosts['posts'], Post[]>()
