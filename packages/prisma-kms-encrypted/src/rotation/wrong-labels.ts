/**
 * Decides over key entries that do not open to their labels. A writer that does not open keys labels the only entry of a
 * row by the values that it may serve, and where it knows fewer fields than others it may take another key's value for one.
 */
import type { SideClient } from '../extension/prisma-internals.js'
import { delegateOf } from '../extension/prisma-internals.js'
import { commitmentIn } from '../envelope/sealed-header.js'
import { refusedKey } from '../records/key-failures.js'
import type { Row } from '../records/rows.js'
import { cursorOf } from './cursors.js'
import { readRows } from './pages.js'
import { rowIdentity, type DueColumn, type Renewal } from './renewal.js'
import type { Rotation } from './rotation.js'

/**
 * Lets an entry have its true label, unless a value of its fields asks for the wrong one: then the key that belongs to that
 * value was taken away, which is reported.
 * @param made the renewals of the columns that are due
 */
export async function refuseWrongLabels(
  { runtime, model }: Rotation,
  due: readonly DueColumn[],
  made: readonly Renewal[],
  locked: SideClient | null,
): Promise<readonly Renewal[]> {
  const doubtful = due.filter((_, index) => labelsOf(made[index]).length > 0)
  if (doubtful.length === 0) return made
  const fields = doubtful.flatMap(({ group }) => group.fields.map(({ name }) => name))
  const delegate = delegateOf(locked ?? runtime.base, model.delegate)
  const stored = await readRows(
    delegate,
    model,
    doubtful.map(({ row }) => row),
    [...new Set(fields)],
  )
  const values = new Map(stored.map((row) => [cursorOf(model, row), row]))
  return made.map((renewal, index) => {
    const column = due[index]
    const row = column && values.get(cursorOf(model, column.row))
    if (!column || !row || !labelsOf(renewal).some((label) => isNeeded(label, column, row))) return renewal
    return { ok: false, error: refusedKey({ group: column.group, identity: rowIdentity(column) }) }
  })
}

function labelsOf(renewal: Renewal | undefined): readonly Buffer[] {
  return (renewal?.ok === true && renewal.wrongLabels) || []
}

function isNeeded(label: Buffer, { group }: DueColumn, row: Row): boolean {
  return group.fields.some(({ name }) => commitmentIn(row[name])?.equals(label) === true)
}
