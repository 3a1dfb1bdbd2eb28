/** Asks the database once which models' ids can be taken before the insert. */
import type { RecordModel, RecordModels } from '../records/models.js'
import type { Catalogue, Dialect } from './dialects/dialect.js'
import type { SideClient } from './prisma-internals.js'

/** The field whose value a sequence makes, if the model's context id is one such field. */
export function sequenceField(model: RecordModel): string | null {
  const sequences = model.definition.contextId.filter((id) => id.default?.kind === 'sequence')
  return sequences.length === 1 ? (sequences[0]?.field ?? null) : null
}

/**
 * Reads the catalogue for all encrypted models whose id the database counts.
 * @param schema the schema of models without `@@schema`
 */
export async function readCatalogue(
  { sequences }: Dialect,
  client: SideClient,
  models: RecordModels,
  schema: string | null,
): Promise<Catalogue> {
  const columns = [...models.values()].flatMap((model) => {
    const field = model.encrypted ? sequenceField(model) : null
    const scalar = field === null ? undefined : model.definition.scalars[field]
    if (!scalar) return []
    const { table, schema: own } = model.definition
    return [{ model, schema: own ?? schema, table, column: scalar.column }]
  })
  return columns.length === 0 || !sequences ? new Map() : sequences.read(client, columns)
}
