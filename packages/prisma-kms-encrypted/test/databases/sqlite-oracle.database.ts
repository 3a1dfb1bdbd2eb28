/** SQLite: random sequences of operations against plain Prisma. */
import { fixtureModels } from '../oracle/fixture-models.js'
import { compareWithPlainPrisma } from './oracle.js'
import { sqlite } from './sqlite.js'

// The only ids that SQLite counts by itself are `Int` (scripts/database-fixtures.mjs).
Object.assign(fixtureModels.Comment, { id: 'Int' })
compareWithPlainPrisma(sqlite)
