/** Turns what a caller chose, a filter and the name of a key, into what a job works on. */
import type { Runtime } from '../extension/runtime.js'
import type { Args } from '../records/arguments.js'
import type { KeyGroup, RecordModel } from '../records/models.js'
import { hiddenRows, planWhere } from '../records/plan-filter.js'
import { plainWhere } from '../records/row-filter.js'
import { invalidOptions } from './option-forms.js'

/** The caller's filter in the database's own terms: encrypted fields by their indexes. */
export async function plannedWhere(runtime: Runtime, model: RecordModel, where: object): Promise<Args> {
  if (!runtime.isReady()) await runtime.loadIndexKeys()
  // Planning a plain object gives a plain object.
  return planWhere(model, plainWhere(model, where), hiddenRows(runtime.indexKeys())) as Args
}

/**
 * The groups of a key; all of the model without a name.
 * @param caller for the error
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`
 */
export function chosenGroups(
  model: RecordModel,
  key: string | undefined,
  caller: string,
): readonly KeyGroup[] {
  const groups = [...model.groups.values()].filter((group) => key === undefined || group.key === key)
  if (groups.length > 0) return groups
  throw invalidOptions(caller, `key '${key ?? ''}' (known: ${[...model.groups.keys()].join(', ')})`)
}
