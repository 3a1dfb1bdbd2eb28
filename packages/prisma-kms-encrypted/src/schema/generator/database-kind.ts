/** Reads which database a schema is for, out of those whose column types this library knows. */
import { KmsEncryptedError } from '../../errors.js'

/** Databases whose column types are known, as Prisma names them. */
export const databaseKinds = ['postgresql', 'cockroachdb', 'mysql', 'sqlite', 'sqlserver'] as const

/** One of {@link databaseKinds}. */
export type DatabaseKind = (typeof databaseKinds)[number]

/**
 * The data source's `activeProvider` as a {@link DatabaseKind}.
 *
 * @throws KmsEncryptedError `INVALID_SCHEMA` for another database
 */
export function readDatabaseKind(activeProvider: string): DatabaseKind {
  const kind = databaseKinds.find((known) => known === activeProvider)
  if (kind !== undefined) return kind
  throw new KmsEncryptedError({
    code: 'INVALID_SCHEMA',
    message: `datasource: expected one of ${databaseKinds.join(', ')}, got ${activeProvider}`,
    why: 'The column types of other databases are not known to this library.',
    fix: 'Use one of these databases, or remove the generator block.',
  })
}
