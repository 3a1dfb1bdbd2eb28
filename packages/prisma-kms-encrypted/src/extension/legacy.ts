/** Resolves `legacy`: which opener serves which field, each group of fields wholly or not at all. */
import type { LegacyOpener } from '../records/legacy-opener.js'
import type { ModelDefinitions } from '../schema/model.js'
import { invalid } from './check-configuration.js'

/**
 * @returns the opener of a field; `null`: its values are all of the current format
 * @throws KmsEncryptedError `INVALID_CONFIGURATION` for unknown fields or columns, two openers of one field, and a key of
 *   which only some fields are listed
 */
export function resolveLegacy(
  models: ModelDefinitions,
  openers: readonly LegacyOpener[],
): (model: string, field: string) => LegacyOpener | null {
  const byField = new Map<string, LegacyOpener>()
  for (const opener of openers) {
    for (const [model, fields] of Object.entries(opener.fields)) {
      for (const field of fields) {
        const name = `${model}.${field}`
        if (!models[model]?.encrypted[field]) throw unusable(opener, `${name} is no encrypted field`)
        if (byField.has(name)) throw unusable(opener, `${name} has an opener already`)
        byField.set(name, opener)
      }
    }
    for (const [model, columns] of Object.entries(opener.columns ?? {})) {
      const definition = models[model]
      const unknown = columns.find(
        (name) => !definition || !(name in definition.scalars) || name in definition.encrypted,
      )
      if (unknown !== undefined) throw unusable(opener, `${model}.${unknown} is no plain column`)
    }
  }
  for (const [model, { encrypted }] of Object.entries(models)) checkGroups(model, encrypted, byField)
  return (model, field) => byField.get(`${model}.${field}`) ?? null
}

/** Beside values of the current format, another library's could be planted, so a group is imported as a whole. */
function checkGroups(
  model: string,
  encrypted: ModelDefinitions[string]['encrypted'],
  byField: ReadonlyMap<string, LegacyOpener>,
): void {
  for (const [field, { key }] of Object.entries(encrypted)) {
    const opener = byField.get(`${model}.${field}`)
    if (!opener) continue
    const left = Object.entries(encrypted).find(
      ([other, definition]) => definition.key === key && !byField.has(`${model}.${other}`),
    )
    if (left) throw unusable(opener, `${model}.${left[0]}, a field of the same key '${key}', is not listed`)
  }
}

function unusable(opener: LegacyOpener, what: string) {
  return invalid(
    `legacy: ${opener.name}: ${what}`,
    'All fields of one key are imported together, each by one opener.',
    'Correct the list; give a field that never was of the other library a key of its own.',
  )
}
