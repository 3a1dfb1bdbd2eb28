/** The way of the Ruby gem kms_encrypted: one record after another, each with a call to the key service of its own. */
import type { KmsProvider } from 'prisma-kms-encrypted'
import { keyIds } from '../kms-stand-in.js'
import { encryptedFields } from '../people.js'
import type { PlainClient } from '../stage.js'
import { openFloor } from './floor.js'
import { openedKeyOf, textAad, wrappedKeyOf } from './stored-form.js'

const aads = encryptedFields.map((field) => textAad('Person', field))

/** Reads persons with plain Prisma and opens them one by one. */
export async function readSequentially(
  plain: PlainClient,
  kms: KmsProvider,
  count: number,
): Promise<string[][]> {
  const rows = await plain.person.findMany({ where: { id: { lte: count } }, orderBy: { id: 'asc' } })
  const opened: string[][] = []
  for (const row of rows) {
    const key = openedKeyOf(await unwrapKey(kms, row.id, row.encryptedKmsKey))
    const values = encryptedFields.map((field) => row[field] ?? '')
    opened.push(...openFloor([{ values, key }], aads))
  }
  return opened
}

/** Asks the service for one record's data key. */
export async function unwrapKey(kms: KmsProvider, id: number, column: string | null): Promise<Uint8Array> {
  const context = { model_name: 'Person', model_id: String(id) }
  const [outcome] = await kms.unwrap(keyIds.first, [{ ciphertext: wrappedKeyOf(column), context }], {})
  if (outcome?.ok !== true) throw new Error(`Person ${id}: its data key does not open`)
  return outcome.value
}
