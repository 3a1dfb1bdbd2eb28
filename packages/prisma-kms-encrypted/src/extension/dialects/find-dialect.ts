/** Finds the dialect for Prisma's name of a database. */
import type { Dialect } from './dialect.js'
import { mysql } from './mysql.js'
import { postgresql } from './postgresql.js'
import { sqlite } from './sqlite.js'

const dialects: ReadonlyMap<string, Dialect> = new Map(Object.entries({ mysql, postgresql, sqlite }))

/** @returns `null` for databases that only get what needs no statements of our own */
export function findDialect(provider: string): Dialect | null {
  return dialects.get(provider) ?? null
}

/**
 * Whether an update under a guard fails when the guard was lost in that very moment: known of databases on which
 * Prisma's `update` is one statement (`UPDATE … RETURNING`).
 */
export function reportsLostUpdates(provider: string): boolean {
  return findDialect(provider)?.reportsLostUpdates ?? provider === 'cockroachdb'
}
