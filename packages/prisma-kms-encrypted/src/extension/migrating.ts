/** Resolves `migrating`: which models have rows that are plaintext yet, and how far their migration is. */
import type { MigrationStage } from '../records/models.js'
import type { ModelDefinitions } from '../schema/model.js'
import { invalid } from './check-configuration.js'

/** Models whose rows are partly plaintext, with the stage of each; see `docs/migrating-from-plaintext.md`. */
export type MigratingConfig<Model extends string> = { readonly [model in Model]?: MigrationStage }

/**
 * @returns the stage of a model; `null`: it is not being migrated
 * @throws KmsEncryptedError `INVALID_CONFIGURATION` for a name that is no encrypted model
 */
export function resolveMigrating(
  models: ModelDefinitions,
  given: Readonly<Record<string, MigrationStage>>,
): (model: string) => MigrationStage | null {
  const stages = new Map(Object.entries(given))
  const encrypted = Object.entries(models).flatMap(([name, { keys }]) =>
    Object.keys(keys).length > 0 ? [name] : [],
  )
  const unknown = [...stages.keys()].find((name) => !encrypted.includes(name))
  if (unknown !== undefined) {
    throw invalid(
      `migrating.${unknown}: this is no encrypted model (known: ${encrypted.join(', ')})`,
      'Only encrypted models have plaintext to migrate.',
      'Correct the name; it is the model’s name in the schema.',
    )
  }
  return (model) => stages.get(model) ?? null
}

/**
 * Telling plaintext from ciphertext by how text begins needs a database that compares it byte by byte.
 * @throws KmsEncryptedError `INVALID_CONFIGURATION` elsewhere than on PostgreSQL
 */
export function checkMigratingDatabase(
  provider: string,
  models: ModelDefinitions,
  stageOf: (model: string) => MigrationStage | null,
): void {
  const model = Object.keys(models).find((name) => stageOf(name) !== null)
  if (model === undefined || provider === 'postgresql') return
  throw invalid(
    `migrating.${model}: plaintext rows can be migrated on PostgreSQL only, not on ${provider}`,
    'Plaintext is told from ciphertext by its first letters, which other databases may compare without case.',
    'Take `migrating` out; copy the rows with createMany into a new encrypted table or column instead.',
  )
}
