/** `prisma.$kms`: opens and seals values outside Prisma's operations, and tells encryption contexts. */
import { formatKeyColumn } from '../envelope/key-column.js'
import { KmsEncryptedError } from '../errors.js'
import { decryptNotPermitted } from '../kms/permissions.js'
import type { EncryptionContext } from '../kms/provider.js'
import { isArgs, type OwnArgs } from '../records/arguments.js'
import { contextFor, identityOf } from '../records/context.js'
import { KeyRing, mintKey } from '../records/data-keys.js'
import { checkedColumn } from '../records/key-column-text.js'
import type { RecordModel } from '../records/models.js'
import { openRows } from '../records/open-rows.js'
import type { Row } from '../records/rows.js'
import { columnName } from '../records/stored-entries.js'
import type { NewRecord } from '../records/data-plan.js'
import { newRoot, planCreateData } from '../records/plan-data.js'
import { sealSlots } from '../records/seal-args.js'
import type { Runtime } from './runtime.js'

/** An id: the value of the one id field, or an object with all of them. */
export type RecordId = string | number | bigint | Date | Uint8Array | Readonly<Record<string, unknown>>

/** What the extension adds to the client. `Model` names the encrypted models. */
export interface KmsClient<Model extends string> {
  /**
   * Opens rows that raw SQL returned, with the names of Prisma's fields or of the columns. Each row must carry its id
   * and the key columns of the encrypted fields in it.
   * @returns copies of the rows with opened values
   * @throws KmsEncryptedError `KEY_MISSING`, `DECRYPTION_FAILED`, `PLAINTEXT_FOUND`, `INVALID_CONTEXT`,
   *   `DECRYPT_NOT_PERMITTED`, `KMS_…`
   */
  openRows<T extends object>(model: Model, rows: readonly T[]): Promise<T[]>
  /**
   * Prepares the data of a new record for raw SQL: encrypted fields sealed under new data keys, the key and index
   * columns filled, everything else as it was. Property names are Prisma's field names.
   * @throws KmsEncryptedError `INVALID_VALUE`, `VALUE_TOO_LONG`, `MANAGED_COLUMN`, `INVALID_CONTEXT`, `KMS_…`
   */
  seal(model: Model, data: object, options: { readonly id: RecordId }): Promise<Record<string, unknown>>
  /**
   * The encryption context of a record's key as the key service gets and logs it.
   * @param key name of the key, by default `default`
   * @throws KmsEncryptedError `INVALID_CONTEXT`, `INVALID_CONFIGURATION`
   */
  context(model: Model, id: RecordId, key?: string): EncryptionContext
  /** Forgets every cached data key and the index keys, so that the next use asks the key service again. */
  flush(): void
  /**
   * Starts a new branch key for every branch, for data keys that are wrapped from now on; other servers follow within
   * their `ttlMs`. `rotateAll(…, { force: true })` then moves the older data keys under it.
   * @returns how many branch keys were started
   * @throws KmsEncryptedError `BRANCH_KEY_STORE_FAILED`, `KMS_…`
   */
  rotateBranchKeys(): Promise<number>
  /** Forgets every key, and closes what the library opened itself. Prisma's own connections stay. */
  close(): Promise<void>
}

/** Builds `prisma.$kms` for one extended client. */
export function createKmsClient<Model extends string>(runtime: Runtime): KmsClient<Model> {
  const { call } = runtime
  return {
    async openRows(name, rows) {
      const model = modelOf(runtime, name)
      if (runtime.config.mode === 'encrypt-only') throw decryptNotPermitted(`Rows of ${name}`)
      const views = rows.map((row) => fieldView(model, row))
      const opened = await openRows(model, views, null, new KeyRing(), call)
      return (opened as Row[]).map((view, index) => {
        const row: OwnArgs = { ...rows[index] }
        for (const [field, value] of Object.entries(view)) {
          const column = model.definition.scalars[field]?.column ?? field
          row[field in row ? field : column] = value
        }
        return row as (typeof rows)[number] // the same properties as the row that was given
      })
    },
    async seal(name, data, { id }) {
      const model = modelOf(runtime, name)
      await runtime.loadIndexKeys()
      const created: NewRecord[] = []
      const plan = { indexKeys: runtime.indexKeys(), created, nested: [] }
      const own = planCreateData(model, { ...data, ...idFields(model, id) }, plan, newRoot) as OwnArgs // of an object
      const [record] = created
      const identity = identityOf(model, own)
      if (!identity) throw invalidId(name)
      const sealing = [...(record?.groups ?? [])].map(([group, slots]) => ({
        group,
        slots,
        identity,
        fresh: mintKey(),
      }))
      for (const { slots, fresh } of sealing) sealSlots(slots, fresh.dataKey)
      const entries = await new KeyRing().wrap(sealing, call)
      sealing.forEach(({ group }, index) => {
        const entry = entries[index]
        if (entry) own[group.column] = checkedColumn(group, formatKeyColumn([entry], columnName(group)))
      })
      return own
    },
    context(name, id, key = 'default') {
      const model = modelOf(runtime, name)
      const group = model.groups.get(key)
      const identity = identityOf(model, idFields(model, id))
      if (!group) throw unknown(`${name} has no key '${key}'`, [...model.groups.keys()])
      if (!identity) throw invalidId(name)
      return contextFor(group, group.config.current, identity).pairs
    },
    flush() {
      runtime.flush()
    },
    rotateBranchKeys: () => runtime.config.services.rotateBranchKeys(),
    async close() {
      runtime.flush()
      await runtime.config.services.close()
    },
  }
}

function modelOf({ models }: Runtime, name: string): RecordModel {
  const model = models.get(name)
  if (model?.encrypted) return model
  const known = [...models.values()].filter((other) => other.encrypted).map((other) => other.name)
  throw unknown(`'${name}' is no encrypted model`, known)
}

/** A raw row under Prisma's field names. */
function fieldView(model: RecordModel, row: object): Row {
  const given = row as Row // any object has string properties
  const view: Row = {}
  for (const [field, { column }] of Object.entries(model.definition.scalars)) {
    const name = field in given ? field : column
    if (name in given) view[field] = given[name]
  }
  return view
}

function idFields(model: RecordModel, id: RecordId): Row {
  if (isArgs(id)) return { ...id }
  const [only, another] = model.definition.contextId
  if (!only || another) throw invalidId(model.name)
  return { [only.field]: id }
}

function invalidId(model: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONTEXT',
    message: `${model}: expected the record's id, with the type that Prisma gives it`,
    why: 'The data keys of a record are bound to its id.',
    fix: 'Pass the value of the id field; for several id fields an object with all of them.',
  })
}

function unknown(message: string, known: readonly string[]): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message,
    why: 'Only what the schema comments name has keys.',
    fix: `Known: ${known.join(', ')}.`,
  })
}
