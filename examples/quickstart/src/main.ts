/** A person's data, from plaintext to ciphertext and through a key rotation. Run it with `npx pnpm@10 demo`. */
import { readFile } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import { isKmsEncryptedError, kmsEncrypted, rotateAll } from 'prisma-kms-encrypted'
import { generateLocalKey, localKms } from 'prisma-kms-encrypted/local'
import { encryptedModels } from './generated/kms-encrypted.js'
import { PrismaClient } from './generated/prisma/client.js'
import { printComparison, printError, printStep, printText, printTitle } from './print.js'

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
const { id } = await prisma.person.create({
  data: {
    name: 'Ada Lovelace',
    email: 'ada@example.com',
    notes: { allergies: ['penicillin'] },
    phone: '+44 20 7946 0000',
    pets: { create: [{ name: 'Byron', diagnosis: 'sprained paw' }, { name: 'Puff' }] },
  },
})
await show()

printStep('Update two fields, and a pet through its owner')
await prisma.person.update({
  where: { id },
  data: {
    email: 'countess@example.com',
    notes: { allergies: ['penicillin', 'bees'] },
    pets: { updateMany: { where: { name: 'Puff' }, data: { diagnosis: 'too much cake' } } },
  },
})
await show()

printStep('Switch to version 2 of the master key, and rotate every row')
prisma = encrypt(2)
await rotateAll(prisma.person)
await rotateAll(prisma.pet)
await show()
printText('The wrapped keys went from v1 to v2. The ciphertexts and what the application sees are the same.')

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

/** Prints each row twice: as the application reads it, and as it lies in the table. */
async function show() {
  const person = await prisma.person.findUniqueOrThrow({
    where: { id },
    include: { pets: { orderBy: { name: 'asc' } } },
  })
  printComparison(`Person ${id}`, person, await stored('SELECT * FROM "Person"'))
  for (const pet of person.pets) {
    printComparison(`Pet ${pet.name}`, pet, await stored('SELECT * FROM "Pet" WHERE id = $1', [pet.id]))
  }
}

/** Reads one row beside Prisma. */
async function stored(sql: string, parameters: unknown[] = []): Promise<Record<string, unknown>> {
  const { rows } = await database.query<Record<string, unknown>>(sql, parameters)
  return rows[0] ?? {}
}
