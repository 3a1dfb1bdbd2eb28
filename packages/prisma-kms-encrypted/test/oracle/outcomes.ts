/** Brings results and errors of both sides into one form: ids as record names, times of the run as one word. */
import { isDeepStrictEqual } from 'node:util'
import { Prisma } from '../generated/prisma/client.js'
import { isKmsEncryptedError } from '../../src/errors.js'
import type { SideIndex } from './clients.js'
import { Difference } from './difference.js'
import { fixtureModels, type ModelName } from './fixture-models.js'
import type { KnownRows } from './known-rows.js'

/** What a call came to. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: string; readonly error: unknown }

/** Awaits a call. */
export async function settle(run: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { ok: true, value: await run() }
  } catch (error) {
    return { ok: false, code: errorCode(error), error }
  }
}

/** `P2025`, `VALIDATION`, `KMS:ENCRYPTED_FILTER`, or the beginning of any other error. */
export function errorCode(error: unknown): string {
  if (isKmsEncryptedError(error)) return `KMS:${error.code}`
  if (error instanceof Prisma.PrismaClientKnownRequestError) return error.code
  if (error instanceof Prisma.PrismaClientValidationError) return 'VALIDATION'
  return error instanceof Error ? `${error.name}: ${error.message.slice(0, 300)}` : String(error)
}

/** Where a value comes from. */
export interface Origin {
  readonly side: SideIndex
  readonly known: KnownRows
  /** Whether this side's rows have key columns, which the twins lack. */
  readonly keyColumns: boolean
}

/** A call's result in comparable form. */
export function normalResult(
  model: ModelName,
  operation: string,
  args: Readonly<Record<string, unknown>>,
  value: unknown,
  origin: Origin,
): unknown {
  if (operation === 'count') return value
  // An upsert whose nested writes delete the record itself: Prisma answers with [], an update with null.
  if (operation === 'upsert' && Array.isArray(value) && value.length === 0) return null
  // What a list creates comes back in the order of the list; what `updateMany` finds has no order.
  const ordered = operation === 'createManyAndReturn' || args['orderBy'] !== undefined
  return normalRows(model, value, args, origin, ordered)
}

type Args = Readonly<Record<string, unknown>>

function normalRows(
  model: ModelName,
  value: unknown,
  args: Args,
  origin: Origin,
  ordered = args['orderBy'] !== undefined,
): unknown {
  if (Array.isArray(value)) {
    const rows = value.map((row) => normalRows(model, row, args, origin))
    return ordered ? rows : sorted(rows)
  }
  if (typeof value !== 'object' || value === null) return value
  return normalRow(model, value as Args, args, origin)
}

function normalRow(model: ModelName, row: Args, args: Args, origin: Origin): unknown {
  const { relations, keyColumns, secrets } = fixtureModels[model]
  const normal: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(row)) {
    if (args['select'] === undefined && name.endsWith('Bidx')) continue
    if (origin.keyColumns && args['select'] === undefined && keyColumns.includes(name)) continue
    const relation = relations[name]
    const target = Object.values(relations).find(
      ({ foreignKey, kind }) => kind === 'toOne' && foreignKey === name,
    )
    if (name === 'id') normal[name] = recordName(model, value, origin)
    else if (target) normal[name] = recordName(target.model, value, origin)
    else if (relation) normal[name] = normalRows(relation.model, value, nestedArgs(args, name), origin)
    else if (name in secrets) normal[name] = plainCopy(value)
    else normal[name] = value instanceof Date ? normalTime(value) : value
  }
  return normal
}

function nestedArgs(args: Args, name: string): Args {
  for (const clause of ['select', 'include']) {
    const chosen = args[clause]
    if (typeof chosen !== 'object' || chosen === null) continue
    const nested = (chosen as Args)[name]
    if (typeof nested === 'object' && nested !== null) return nested as Args
  }
  return {}
}

function recordName(model: ModelName, id: unknown, { side, known }: Origin): unknown {
  if (id === null || id === undefined) return id
  // The type of the id is compared as well.
  return `${known.byId(side, model, String(id))?.name ?? `${model} ?`} (${typeof id})`
}

const hour = 3_600_000

/** Times that the database or the client made; those that the test wrote lie decades back. */
function normalTime(value: Date): unknown {
  return Math.abs(value.getTime() - Date.now()) < hour ? 'now' : value.toISOString()
}

/** Content of an encrypted field; the class of bytes is compared as well. */
function plainCopy(value: unknown): unknown {
  if (value instanceof Uint8Array) return { [value.constructor.name]: Buffer.from(value).toString('base64') }
  return value
}

function sorted(rows: readonly unknown[]): unknown[] {
  return rows
    .map((row) => [stableText(row), row] as const)
    .sort(([one], [two]) => (one < two ? -1 : one > two ? 1 : 0))
    .map(([, row]) => row)
}

function stableText(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'bigint') return `${inner}n`
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
    return Object.fromEntries(Object.entries(inner).sort(([one], [two]) => (one < two ? -1 : 1)))
  })
}

/**
 * Compares two values in comparable form.
 * @throws Difference
 */
export function compareValues(what: string, mine: unknown, oracle: unknown): void {
  if (!isDeepStrictEqual(mine, oracle)) throw new Difference(what, mine, oracle)
}
