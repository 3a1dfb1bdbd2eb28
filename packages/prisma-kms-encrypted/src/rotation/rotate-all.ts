/** `rotateAll(prisma.user)`: wraps every data key of a table under the current version of its key. */
import * as z from 'zod'

import { KmsEncryptedError } from '../errors.js'
import { touchedColumns } from '../extension/key-column-writes.js'
import { runtimeOf } from '../extension/registry.js'
import { delegateOf } from '../extension/prisma-internals.js'
import type { Runtime } from '../extension/runtime.js'
import { identityOf } from '../records/context.js'
import type { KeyGroup, RecordModel } from '../records/models.js'
import type { Row } from '../records/open-rows.js'
import { replaceKeyColumns } from './guarded-writes.js'
import { readPages } from './pages.js'
import { isCurrent, rewrapColumns, type ColumnRewrap } from './rewrap.js'

/** Options of {@link rotateAll}. */
export interface RotateOptions {
  /** Only this key; default: all keys of the model. */
  readonly key?: string
  /** Also keys that are of the current version already: needed after a rotation inside the key service. */
  readonly force?: boolean
  /** Rows read and rewrapped at once; default 500. */
  readonly batchSize?: number
  /** Called after each batch. */
  readonly onProgress?: (progress: RotateProgress) => void
}

/** How far a rotation is; counts are of key columns. */
export interface RotateProgress {
  /** Wrapped anew. */
  readonly rotated: number
  /** Current already, or changed by another writer to a current key meanwhile. */
  readonly skipped: number
  /** Left as they are, because their keys could not be opened or wrapped. */
  readonly failed: number
}

/** What a rotation did. */
export interface RotateResult extends RotateProgress {
  /** The first 100 rows that were left as they are, with the reason. */
  readonly failures: readonly { readonly id: string; readonly key: string; readonly error: Error }[]
}

const options = z.strictObject({
  key: z.string().optional(),
  force: z.boolean().optional(),
  batchSize: z.int().min(1).max(10_000).optional(),
  onProgress: z.custom<(progress: RotateProgress) => void>((value) => typeof value === 'function').optional(),
})

/** A row whose key another writer keeps changing is given up after this many attempts, and reported. */
const maxAttempts = 5
const keptFailures = 100

/**
 * Rewraps the data keys of all records under the current version of their keys. The fields’ own bytes and
 * `@updatedAt` stay as they are; each row is changed only if its key is still what was read. Running it again does
 * only what is left.
 * @param delegate a model of the extended client, such as `prisma.user`
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`; a failure of a single row is reported, not thrown
 */
export async function rotateAll(delegate: unknown, given: RotateOptions = {}): Promise<RotateResult> {
  const { runtime, model } = runtimeOf(delegate, 'rotateAll()')
  const parsed = options.safeParse(given)
  if (!parsed.success)
    throw invalidOptions(parsed.error.issues.map((issue) => issue.path.join('.') || issue.message).join(', '))
  const { key, force = false, batchSize = 500, onProgress } = parsed.data
  const groups = chosenGroups(model, key)
  const tally: Tally = { rotated: 0, skipped: 0, failed: 0, failures: [] }
  const where = { OR: groups.map((group) => ({ [group.column]: { not: null } })) }
  const columns = [
    ...new Set([...groups.map((group) => group.column), ...model.contextFields, ...touchedColumns(model)]),
  ]
  const reader = delegateOf(runtime.base, model.delegate)
  for await (const page of readPages(reader, model, where, columns, batchSize)) {
    for (const group of groups) await rotateRows(runtime, group, page, force, tally)
    onProgress?.({ rotated: tally.rotated, skipped: tally.skipped, failed: tally.failed })
  }
  return tally
}

interface Tally {
  rotated: number
  skipped: number
  failed: number
  readonly failures: { id: string; key: string; error: Error }[]
}

function chosenGroups(model: RecordModel, key: string | undefined): readonly KeyGroup[] {
  const groups = [...model.groups.values()].filter((group) => key === undefined || group.key === key)
  if (groups.length > 0) return groups
  throw invalidOptions(`key '${key ?? ''}' (known: ${[...model.groups.keys()].join(', ')})`)
}

async function rotateRows(
  runtime: Runtime,
  group: KeyGroup,
  page: readonly Row[],
  force: boolean,
  tally: Tally,
): Promise<void> {
  let rows = page
  for (let attempt = 1; rows.length > 0; attempt++) {
    const due: ColumnRewrap[] = []
    for (const row of rows) {
      const before = row[group.column]
      if (typeof before !== 'string') continue
      if (!(force && attempt === 1) && isSettled(group, before)) tally.skipped++
      else due.push({ group, row, before })
    }
    const outcomes = await rewrapColumns(due, runtime.call)
    const replacements = due.flatMap((column, index) => {
      const outcome = outcomes[index]
      if (outcome?.ok) return [{ row: column.row, before: column.before, after: outcome.after }]
      report(tally, group, column.row, outcome?.error ?? new TypeError('one outcome per column'))
      return []
    })
    const done = await replaceKeyColumns(runtime, group, replacements)
    const lost = replacements.filter((_, index) => !done[index]).map(({ row }) => row)
    tally.rotated += replacements.length - lost.length
    if (attempt === maxAttempts) for (const row of lost) report(tally, group, row, busy(group))
    rows = attempt === maxAttempts ? [] : await readAgain(runtime, group, lost)
  }
}

/** Current, or unreadable: the latter is due, so that rewrapping reports why. */
function isSettled(group: KeyGroup, text: string): boolean {
  try {
    return isCurrent(group, text)
  } catch {
    return false
  }
}

/** Rows that changed meanwhile, as they are now; deleted ones are missing. */
async function readAgain(runtime: Runtime, group: KeyGroup, rows: readonly Row[]): Promise<readonly Row[]> {
  if (rows.length === 0) return []
  const { model } = group
  const { primaryKey } = model.definition
  const columns = [...primaryKey, group.column, ...model.contextFields, ...touchedColumns(model)]
  return delegateOf(runtime.base, model.delegate).findMany({
    where: { OR: rows.map((row) => Object.fromEntries(primaryKey.map((field) => [field, row[field]]))) },
    select: Object.fromEntries(columns.map((name) => [name, true])),
  })
}

function report(tally: Tally, group: KeyGroup, row: Row, error: Error): void {
  tally.failed++
  if (tally.failures.length >= keptFailures) return
  tally.failures.push({ id: identityOf(group.model, row)?.id ?? '', key: group.key, error })
}

function busy(group: KeyGroup): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'WRITE_CONFLICT',
    message: `${group.model.name}.${group.column}: other writers kept changing the key`,
    why: 'A key is replaced only if it is still the one that was wrapped anew.',
    fix: 'Run rotateAll() again; it does only what is left.',
  })
}

function invalidOptions(what: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `rotateAll(): unusable options: ${what}`,
    why: 'The options do not have the documented form.',
    fix: 'Correct the named option.',
  })
}
