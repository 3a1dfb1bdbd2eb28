/** `encryptAll(prisma.user)`: encrypts the plaintext of a table, and fills or renews its blind indexes. */
import { KmsEncryptedError } from '../errors.js'
import { runtimeOf } from '../extension/registry.js'
import { checkEncryptionMode } from './check-mode.js'
import { readCursor } from './cursors.js'
import type { EncryptOptions } from './encrypt-options.js'
import { createEncryptionJob } from './encryption-job.js'
import { chosenGroups, plannedWhere } from './chosen-rows.js'
import { checkOptions, encryptOptions } from './option-forms.js'
import type { WalkProgress, WalkResult } from './walk-options.js'
import { walkTable } from './walk-table.js'

/** How far a run is. */
export type EncryptProgress = WalkProgress
/** What a run did. */
export type EncryptResult = WalkResult

/** Encrypts what is plaintext in a model; its contract is in `on-demand.ts`. */
export async function encryptAll<D>(delegate: D, options: EncryptOptions<D> = {}): Promise<EncryptResult> {
  const caller = 'encryptAll()'
  const { runtime, model } = runtimeOf(delegate, caller)
  checkOptions(encryptOptions, options, caller)
  if (runtime.base._activeProvider !== 'postgresql') throw postgresqlOnly(runtime.base._activeProvider)
  const { where, key, batchSize = 500, range, cursor } = options
  const start = cursor ?? range?.after ?? null
  const upTo = range?.upTo ?? null
  const groups = chosenGroups(model, key, caller)
  const seals = model.migrating !== 'read'
  checkEncryptionMode(groups, seals, options)
  await runtime.loadIndexKeys()
  const job = createEncryptionJob(
    {
      runtime,
      model,
      groups,
      seals,
      openSealed: options.openSealed ?? model.migrating !== null,
      indexKeys: runtime.indexKeys(),
      dryRun: options.dryRun ?? false,
      verify: options.verify ?? false,
    },
    {
      where: where === undefined ? null : await plannedWhere(runtime, model, where),
      after: start === null ? null : readCursor(model, start, caller),
      upTo: upTo === null ? null : readCursor(model, upTo, caller),
      batchSize,
    },
  )
  return walkTable(job, options)
}

function postgresqlOnly(provider: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'UNSUPPORTED_OPERATION',
    message: `encryptAll() works on PostgreSQL only, not on ${provider}`,
    why: 'It guards each row by a version that only PostgreSQL has, and reads JSON as text.',
    fix: 'Write the fields of each record again through the extended client.',
  })
}
