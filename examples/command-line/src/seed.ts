/** Fills the tables as a year of work would: most records under the key of 2025, some under that of 2026, some not encrypted yet. */
import { Prisma } from './generated/prisma/client.js'
import { encrypt } from './prisma.js'

const [before, now] = [encrypt(1), encrypt(2)]
const customer = (n: number) => ({
  email: `customer${n}@example.com`,
  notes: n % 3 === 0 ? { prefers: 'mail' } : Prisma.DbNull,
  phone: n % 2 === 0 ? `+44 20 7946 ${String(n).padStart(4, '0')}` : null,
})

await before.customer.createMany({ data: Array.from({ length: 900 }, (_, n) => customer(n)) })
await now.customer.createMany({ data: Array.from({ length: 300 }, (_, n) => customer(900 + n)) })
await before.invoice.createMany({
  data: Array.from({ length: 150 }, (_, n) => ({ customerId: n + 1, iban: `GB33BUKB2020155555${n + 1000}` })),
})
// Rows from before the field was encrypted.
await now.$executeRaw`INSERT INTO "Invoice" ("customerId", "iban") SELECT n, 'DE00' || n FROM generate_series(1, 100) n`
await now.$disconnect()
