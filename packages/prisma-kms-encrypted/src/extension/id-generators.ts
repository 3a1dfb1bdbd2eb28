/** Makes the ids that Prisma would otherwise make further down, where keys could no longer be wrapped for them. */
import { randomUUID } from 'node:crypto'

import type { IdDefault } from '../schema/model.js'

/** Makes one id. */
export type IdGenerator = () => unknown

/**
 * The generator of a client-side default, with the same libraries that Prisma uses, each imported when first needed.
 * @returns `null` for ids that only the database can make
 */
export async function idGenerator(made: IdDefault): Promise<IdGenerator | null> {
  switch (made.kind) {
    case 'uuid':
      if (made.version === 4) return randomUUID
      return (await import('uuid')).v7
    case 'cuid':
      if (made.version === 2) return (await import('@paralleldrive/cuid2')).createId
      return (await import('@bugsnag/cuid')).default
    case 'nanoid': {
      const { nanoid } = await import('nanoid')
      return () => nanoid(made.length)
    }
    case 'ulid':
      return (await import('ulid')).ulid
    case 'now':
      return () => new Date()
    case 'literal':
      return () => made.value
    case 'sequence':
    case 'database':
      return null
  }
}
