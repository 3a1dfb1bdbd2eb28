/** Looks, in rows whose stored keys are about to be replaced, for values of other deployments that need these keys. */
import type { FoundValues } from '../extension/dialects/dialect.js'
import type { SideClient } from '../extension/prisma-internals.js'
import type { Runtime } from '../extension/runtime.js'
import { KmsEncryptedError } from '../errors.js'
import { keptEntries, type UnknownValues } from '../records/kept-entries.js'
import type { KeyGroup, RecordModel } from '../records/models.js'
import type { Row } from '../records/rows.js'
import { columnName } from '../records/stored-entries.js'
import { unsupported } from '../records/refusals.js'

/**
 * Finds what looks encrypted in columns that are no encrypted fields here; nothing is looked at where no other deployment
 * writes.
 * @param client a transaction's, where the rows are locked in it
 * @param versioned whether the rows' versions are read in the same moment, where the database has them
 */
export async function findUnknownValues(
  { dialect, schema }: Runtime,
  client: SideClient,
  model: RecordModel,
  rows: readonly Row[],
  versioned = false,
): Promise<readonly FoundValues[]> {
  if (model.exclusive || rows.length === 0) return rows.map(() => ({ values: [] }))
  if (!dialect) throw cannotLook(model)
  return dialect.findSealed(client, model, rows, schema, versioned)
}

/**
 * @throws KmsEncryptedError `UNSUPPORTED_OPERATION` where it cannot be seen whether other deployments need stored keys
 */
export function checkCanLook({ dialect }: Runtime, model: RecordModel): void {
  if (!dialect && !model.exclusive) throw cannotLook(model)
}

/**
 * Refuses to replace keys that values need which cannot be sealed anew here.
 * @param row the row with all fields of the group
 * @throws KmsEncryptedError `UNSUPPORTED_OPERATION`, `KEY_MISSING`
 */
export function refuseForUnknown(group: KeyGroup, row: Row, elsewhere: UnknownValues): void {
  if (elsewhere.length === 0 || keptEntries(group, row, new Set(group.fields), elsewhere).length === 0) return
  throw new KmsEncryptedError({
    code: 'UNSUPPORTED_OPERATION',
    message: `${columnName(group)}: another column of the record, which is no encrypted field here, holds a value under the same key`,
    why: 'Another deployment knows more encrypted fields than this one; with a new key, that value would be lost.',
    fix: 'Re-encrypt from a server that knows all encrypted fields of the model, or list the model in exclusive if no other deployment writes it.',
  })
}

function cannotLook(model: RecordModel): KmsEncryptedError {
  return unsupported(
    model.name,
    "rotateAll({ mode: 're-encrypt' }) on this database while other deployments may know more encrypted fields",
    'List the model in exclusive if no other deployment writes it.',
  )
}
