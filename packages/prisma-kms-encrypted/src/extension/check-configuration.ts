/** Checks of the configuration that need the models: names, context columns and row binding. */
import { KmsEncryptedError } from '../errors.js'
import { canonicalForm } from '../records/context.js'
import type { ResolvedKey } from '../records/key-config.js'
import type { ModelDefinitions } from '../schema/model.js'

/** Refuses keys and models that the schema does not know. */
export function checkNames(models: ModelDefinitions, keys: Readonly<Record<string, unknown>>): void {
  const names = new Set(Object.values(models).flatMap((model) => Object.keys(model.keys)))
  for (const name of Object.keys(keys)) {
    if (!names.has(name)) {
      throw invalid(
        `keys.${name}: no model has a key of this name (known: ${[...names].join(', ')})`,
        'A key that no schema comment names would never be used.',
        'Correct the name, or mark a key column with @kmsKey(name).',
      )
    }
  }
}

/** Refuses context columns that do not exist, are encrypted, or may be stored in another form than they were sent. */
export function checkContextColumns(
  model: string,
  { scalars, encrypted, relations }: ModelDefinitions[string],
  key: ResolvedKey,
): void {
  for (const column of key.contextColumns) {
    const follows = Object.values(relations).some(
      ({ fields, onUpdate }) => fields.includes(column) && onUpdate !== 'NoAction' && onUpdate !== 'Restrict',
    )
    if (follows) {
      throw invalid(
        `keys.${key.name}.contextColumns: ${model}.${column} is a foreign key that follows the other table`,
        'When the referenced value changes, the database changes this one too, and the record’s keys no longer open.',
        'Use a column that never changes, or give the relation onUpdate: NoAction (and no onDelete: SetNull).',
      )
    }
    const scalar = scalars[column]
    if (scalar && !(column in encrypted)) {
      if (canonicalForm(scalar)) continue
      throw invalid(
        `keys.${key.name}.contextColumns: ${model}.${column} is of a type whose values the database may store differently`,
        'A context must be the same when the record is written and when it is read.',
        'Use a column of type String, Int, BigInt, Boolean, DateTime with at least milliseconds, or an enum.',
      )
    }
    throw invalid(
      `keys.${key.name}.contextColumns: ${model}.${column} is not a plain column`,
      'The encryption context must be known without decrypting anything.',
      `Name columns that every model with the key '${key.name}' has, and that are not encrypted.`,
    )
  }
}

/** Asks a custom context for two records: if the answer does not tell them apart, keys could be swapped between rows. */
export function checkRowBinding(model: string, definition: ModelDefinitions[string], key: ResolvedKey): void {
  if (!key.rowBinding) return
  const uniqueColumns = new Set(
    definition.uniques.filter((unique) => unique.fields.length === 1).flatMap((unique) => unique.fields),
  )
  if (key.contextColumns.some((column) => uniqueColumns.has(column))) return
  for (const [version, { context }] of key.versions) {
    if (!context) continue
    const columns = Object.fromEntries(key.contextColumns.map((column) => [column, 'same']))
    const contextOf = (id: string): string => {
      try {
        return JSON.stringify(context({ model, key: key.name, version, columns, id }))
      } catch {
        return id // a context that rejects made-up values is judged when it gets real ones
      }
    }
    if (contextOf('1') !== contextOf('2')) continue
    throw invalid(
      `keys.${key.name} version ${version}: the context of ${model} holds neither the id nor a unique column`,
      'Whoever can write the database could then move a key and its values from one record to another.',
      "Use the id in the context, or acknowledge the loss with rowBinding: 'off'.",
    )
  }
}

/** The error for a configuration that cannot be used. */
export function invalid(message: string, why: string, fix: string): KmsEncryptedError {
  return new KmsEncryptedError({ code: 'INVALID_CONFIGURATION', message, why, fix })
}
