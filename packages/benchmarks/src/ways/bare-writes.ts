/** The least that writing encrypted records takes, by hand: nothing is planned, checked, batched, retried or told to anybody. */
import { createCipheriv, randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { keyIds, kmsStandIn } from '../kms-stand-in.js'
import { encryptedFields, type PersonValues } from '../people.js'
import type { PlainClient } from '../stage.js'
import { openedKeyOf, textAad } from './stored-form.js'

/**
 * Makes a writer of records that this library opens.
 * @param idsAtOnce ids of one trip, at least
 */
export function bareWriter(client: PlainClient, idsAtOnce: number) {
  const kms = kmsStandIn(0)
  const aads = encryptedFields.map((field) => [field, textAad('Person', field)] as const)
  let ids: number[] = []

  const fetchIds = async (count: number): Promise<void> => {
    const sql = `SELECT array_to_string(ARRAY(SELECT nextval('"Person_id_seq"') FROM generate_series(1, $1::integer)), ' ') AS ids`
    const [row] = await client.$queryRawUnsafe<{ ids: string }[]>(sql, count)
    ids = [...ids, ...(row?.ids ?? '').split(' ').map(Number)]
  }
  const seal = (person: PersonValues) => {
    const random = randomBytes(32 + 12 * aads.length)
    const dataKey = random.subarray(0, 32)
    const key = openedKeyOf(dataKey)
    const data = { ...person, id: 0, encryptedKmsKey: '' }
    aads.forEach(([field, aad], index) => {
      const nonce = random.subarray(32 + 12 * index, 44 + 12 * index)
      const cipher = createCipheriv('aes-256-gcm', key.cipherKey, nonce, { authTagLength: 16 }).setAAD(aad)
      const ciphertext = cipher.update(person[field])
      cipher.final()
      const sealed = [aad.subarray(0, 4), key.commitment, nonce, ciphertext, cipher.getAuthTag()]
      data[field] = Buffer.concat(sealed).toString('base64')
    })
    return { data, dataKey }
  }
  /** Seals while ids are fetched, and wraps the keys of all in one call. */
  const prepare = async (persons: readonly PersonValues[]) => {
    const fetching = ids.length < persons.length ? fetchIds(Math.max(persons.length, idsAtOnce)) : null
    if (fetching) await nextTurn()
    const sealed = persons.map(seal)
    await fetching
    const items = sealed.map(({ data, dataKey }) => {
      data.id = ids.shift() ?? 0
      return { plaintext: dataKey, context: { model_name: 'Person', model_id: String(data.id) } }
    })
    const wrapped = await kms.wrap(keyIds.first, items, {})
    return sealed.map(({ data }, index) => {
      const outcome = wrapped[index]
      if (!outcome?.ok) throw new Error('the stand-in wraps every key')
      data.encryptedKmsKey = `v1:${Buffer.from(outcome.value).toString('base64')}`
      return data
    })
  }

  return {
    /** Gives the record with its values as they were. */
    async create(person: PersonValues) {
      const [data] = await prepare([person])
      if (!data) throw new Error('one person is one record')
      return { ...(await client.person.create({ data })), ...person }
    },
    async createMany(persons: readonly PersonValues[]) {
      return client.person.createMany({ data: await prepare(persons) })
    },
  }
}
