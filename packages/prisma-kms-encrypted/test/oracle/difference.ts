/** The failure of a comparison, with both sides in readable form. */
import { inspect } from 'node:util'

/** Both sides did not do the same. */
export class Difference extends Error {
  override readonly name = 'Difference'

  constructor(what: string, mine: unknown, oracle: unknown) {
    super(`${what}\n  under test: ${show(mine)}\n  plain Prisma: ${show(oracle)}`)
  }
}

function show(value: unknown): string {
  const text = inspect(value, { depth: 12, breakLength: 110, maxStringLength: 300 })
  return text.length > 4_000 ? `${text.slice(0, 4_000)}…` : text
}
