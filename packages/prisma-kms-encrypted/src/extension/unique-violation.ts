/** Makes Prisma's P2002 name the encrypted field that has to be unique, not the index column that enforces it. */
import type { RecordModels } from '../records/models.js'
import { isPrismaError } from './prisma-internals.js'

/** The error with index columns renamed to their fields, where it is a P2002; any other as it is. */
export function nameUniqueField(error: unknown, models: RecordModels): unknown {
  if (!isPrismaError(error, 'P2002')) return error
  const names = [...models.values()].flatMap(({ indexes, definition }) =>
    indexes
      .filter(
        (index) => index.unique || definition.uniques.some((unique) => unique.fields.includes(index.column)),
      )
      .flatMap(({ column, field }) => [
        [column, field.name] as const,
        [
          definition.scalars[column]?.column ?? column,
          definition.scalars[field.name]?.column ?? field.name,
        ] as const,
      ]),
  )
  renameIn(error, names, 0)
  return error
}

/** Prisma made the error for this operation alone, so its texts are changed in place. */
function renameIn(value: object, names: readonly (readonly [string, string])[], depth: number): void {
  const members = value as Record<string, unknown>
  for (const key of [...Object.keys(value), ...(value instanceof Error ? ['message', 'cause'] : [])]) {
    const member = members[key]
    if (typeof member === 'string') {
      const renamed = names.reduce((text, [column, field]) => renameWord(text, column, field), member)
      if (renamed !== member) members[key] = renamed
    } else if (typeof member === 'object' && member !== null && depth < 5) renameIn(member, names, depth + 1)
  }
}

/** A name alone or as part of a constraint's name, such as `Account_emailBidx_key`. */
function renameWord(text: string, column: string, field: string): string {
  const quoted = column.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  return text.replace(new RegExp(`(?<![A-Za-z0-9])${quoted}(?![A-Za-z0-9])`, 'g'), field)
}
