/**
 * Opens the encrypted fields of result rows: those whose keys are at hand on the way through the rows, the others after one
 * pass that unwraps all their keys.
 */
import type { DataKey } from '../envelope/data-key.js'
import type { KmsCall } from '../kms/provider.js'
import { checkIndexes, trustingPlaintext } from './check-index.js'
import type { KeyRing, UnwrapRequest } from './data-keys.js'
import { hideAdded } from './hide-columns.js'
import type { IndexKeys } from './index-keys.js'
import { leaveOut, opensNothing } from './known-values.js'
import { legacyResult, openLegacy } from './legacy.js'
import type { RecordModel } from './models.js'
import { openGroup, type LegacyValueFound, type WaitingValue, type WaitingValues } from './open-group.js'
import type { Shape } from './plan-selection.js'
import type { LateKeys, Row } from './rows.js'
import { inSlices } from './slices.js'

/**
 * Opens whatever encrypted values a result contains, at any depth, and hides what the plan had added.
 * @param result rows as Prisma gave them; they are copied, never changed
 * @param ring data keys in hand; gets those that are unwrapped here
 * @throws KmsEncryptedError `KEY_MISSING`, `INVALID_KEY_COLUMN`, `PLAINTEXT_FOUND`, `DECRYPTION_FAILED`, `KMS_…`
 */
export async function openRows(
  model: RecordModel,
  result: unknown,
  shape: Shape | null,
  ring: KeyRing,
  call: KmsCall,
  lateKeys?: LateKeys,
  indexKeys?: IndexKeys | null,
): Promise<unknown> {
  const found: Found = { ring, waiting: [], legacy: [], shaped: [], lateKeys }
  const copy = await copyResult(model, result, shape, found)
  if (found.waiting.length > 0) await openWaiting(found.waiting, ring, call)
  if (found.legacy.length > 0) await openLegacyValues(found.legacy, call)
  if (found.shaped.length === 0) return copy
  const removed = new Set<unknown>()
  await inSlices(found.shaped, ({ row, shape: level }) => {
    if (indexKeys && !checkIndexes(row, level.uses, indexKeys)) removed.add(row)
    hideAdded(row, level)
  })
  // Only the root of a findMany is searched by truncated indexes.
  return removed.size > 0 && Array.isArray(copy) ? copy.filter((row) => !removed.has(row)) : copy
}

/** Unwraps the keys that values wait for, in one pass, and opens them. */
async function openWaiting(waiting: readonly WaitingValue[], ring: KeyRing, call: KmsCall): Promise<void> {
  const requests = new Set(waiting.map((value) => value.request))
  await ring.unwrap(
    [...requests].filter(({ group }) => !opensNothing(group)),
    call,
  )
  // The values of one request follow each other; its key is looked for once.
  let served: UnwrapRequest | undefined
  let key: DataKey | null = null
  await inSlices(waiting, ({ row, field, stored, request }) => {
    if (request !== served) {
      key = keyInHand(ring, request)
      served = request
    }
    if (key) row[field.name] = field.codec.open(stored, key)
    else leaveOut(row, field)
  })
}

/** Keys that several values need are unwrapped once: the calls of one turn share a batch. */
async function openLegacyValues(legacy: readonly LegacyValueFound[], call: KmsCall): Promise<void> {
  const opened = await Promise.all(
    legacy.map(async ({ row, field, stored }) =>
      legacyResult(field, await openLegacy(field, row, stored, call)),
    ),
  )
  legacy.forEach(({ row, field }, index) => (row[field.name] = opened[index]))
}

/** A result as it is stored, without what the plan had added. */
export function storedRows(model: RecordModel, result: unknown, shape: Shape | null): unknown {
  const found: Found = { ring: null, waiting: [], legacy: [], shaped: [], lateKeys: undefined }
  const copy = copyRows(model, result, shape, found)
  for (const { row, shape: level } of found.shaped) hideAdded(row, level)
  return copy
}

/** What is found on the way through a result. */
interface Found extends WaitingValues {
  /** `null`: nothing is to be opened. */
  readonly ring: KeyRing | null
  readonly shaped: { row: Row; shape: Shape }[]
}

async function copyResult(
  model: RecordModel,
  result: unknown,
  shape: Shape | null,
  found: Found,
): Promise<unknown> {
  if (!Array.isArray(result)) return copyRows(model, result, shape, found)
  const copies: unknown[] = []
  await inSlices(result, (row) => copies.push(copyRows(model, row, shape, found)))
  return copies
}

function copyRows(model: RecordModel, value: unknown, shape: Shape | null, found: Found): unknown {
  if (Array.isArray(value)) return value.map((item) => copyRows(model, item, shape, found))
  if (typeof value !== 'object' || value === null) return value
  const row: Row = { ...value }
  if (found.ring) for (const group of model.groups.values()) openGroup(group, row, found.ring, found)
  for (const name of model.relationNames) {
    const nested = row[name]
    if (typeof nested !== 'object' || nested === null) continue
    const relation = model.relation(name)
    if (relation) row[name] = copyRows(relation.model, nested, shape?.relations[name] ?? null, found)
  }
  if (shape && (shape.added.length > 0 || shape.uses.length > 0))
    found.shaped.push({ row, shape: model.migrating === null ? shape : trustingPlaintext(shape, value) })
  return row
}

/** `null`: this server opens nothing, and the value was not written by this very operation. */
function keyInHand(ring: KeyRing, request: UnwrapRequest): DataKey | null {
  const key = ring.get(request)
  if (key) return key
  if (opensNothing(request.group)) return null
  throw new TypeError('unwrap() resolves only when it has every key')
}
