/** A person's data, from plaintext to ciphertext and through a key rotation. Run it with `npx pnpm@10 demo`. */
import { deepEqual } from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import { isKmsEncryptedError, kmsEncrypted, rotateAll } from 'prisma-kms-encrypted'
import { generateLocalKey, localKms } from 'prisma-kms-encrypted/local'
import { encryptedModels } from './generated/kms-encrypted.js'
import { PrismaClient } from './generated/prisma/client.js'
import {
  printComparison,
  printError,
  printKeyChanges,
  printStep,
  printText,
  printTitle,
  type Row,
} from './print.js'

// PostgreSQL in this process, and two master keys that live as long as it does. In production the keys never leave
// a KMS: `awsKms()`, `gcpKms()` or `vaultKms()` takes the place of `localKms()`, and nothing else changes.
const database = new PGlite()
await database.exec(
  await readFile(new URL('../prisma/migrations/0001_init/migration.sql', import.meta.url), 'utf8'),
)
const client = new PrismaClient({ adapter: new PrismaPGlite(database) })
const kms = localKms({ keys: { first: generateLocalKey(), second: generateLocalKey() } })
const versions = { 1: { keyId: 'local/first' }, 2: { keyId: 'local/second' } }

/** The application's client, whose new data keys are wrapped by the given version of the master key. */
const encrypt = (current: 1 | 2) =>
  client.$extends(
    kmsEncrypted({
      models: encryptedModels,
      providers: [kms],
      keys: { default: { current, versions }, phone: { current, versions } },
    }),
  )

printTitle('prisma-kms-encrypted', 'PostgreSQL and a key service, both in this process')

let prisma = encrypt(1)

printStep('Create a person with two pets: an ordinary Prisma call')
const { id, pets } = await prisma.person.create({
  data: {
    name: 'Ada Lovelace',
    email: 'ada@example.com',
    notes: { allergies: ['penicillin'] },
    phone: '+44 20 7946 0000',
    pets: { create: [{ name: 'Byron', diagnosis: 'sprained paw' }, { name: 'Puff' }] },
  },
  include: { pets: true },
})
printComparison(await readAll())

printStep('Update two fields of the person, and one of both pets')
await prisma.person.update({
  where: { id },
  data: { email: 'countess@example.com', notes: { allergies: ['penicillin', 'bees'] } },
})
for (const pet of pets) {
  await prisma.pet.update({ where: { id: pet.id }, data: { diagnosis: 'too much cake' } })
}
printComparison(await readAll())

printStep('Switch to version 2 of the master key, and rotate every row')
const before = await readAll()
prisma = encrypt(2)
await rotateAll(prisma.person)
await rotateAll(prisma.pet)
const after = await readAll()
printKeyChanges(before, after)
deepEqual(
  after.map((row) => row.seen),
  before.map((row) => row.seen),
)
printText('The application reads the same values as before.')

printStep('What cannot work on ciphertext is refused before it reaches the database')
printText(`prisma.person.findMany({ where: { email: { startsWith: 'countess' } } })`)
try {
  await prisma.person.findMany({ where: { email: { startsWith: 'countess' } } })
} catch (error) {
  if (!isKmsEncryptedError(error)) throw error
  printError(error)
}

await client.$disconnect()
await database.close()

/** Every row twice: as the application sees it, and as it lies in the table. */
async function readAll(): Promise<Row[]> {
  // What the application never asks for: it needs no key column.
  const omit = { encryptedKmsKey: true }
  const person = await prisma.person.findUniqueOrThrow({
    where: { id },
    omit: { ...omit, encryptedKmsKeyPhone: true },
  })
  const pets = await prisma.pet.findMany({ omit, orderBy: { name: 'asc' } })
  const tables = await database.query<Row['stored']>('SELECT * FROM "Person"')
  const petTables = await database.query<Row['stored']>('SELECT * FROM "Pet" ORDER BY name')
  return [
    { title: 'Person', seen: person, stored: tables.rows[0] ?? {} },
    ...pets.map((pet, i) => ({ title: 'Pet', seen: pet, stored: petTables.rows[i] ?? {} })),
  ]
}
