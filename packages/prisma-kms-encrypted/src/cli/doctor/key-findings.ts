/** Turns what was found out about one key version into rows of the report. */
import { errorParts } from '../report-error.js'
import { check, type Check, type Severity } from './check.js'
import { nameOf, type KeyUse } from './key-uses.js'

/** Says what was found about one key version. */
export interface KeyFindings {
  readonly say: (id: string, severity: Severity, finding: string, fix?: string | null) => Check
  /** What an error tells and asks for. */
  readonly reason: (error: unknown) => { readonly message: string; readonly fix: string }
}

/** Makes checks of one key version. */
export function findingsAbout(use: KeyUse, redact: (text: string) => string): KeyFindings {
  const { key, keyId, models } = use
  return {
    say: (id, severity, finding, fix = null) =>
      check('Keys', id, severity, nameOf(use), finding, { fix, key, keyId, models: [...new Set(models)] }),
    reason: (error) => {
      const { message, fix } = errorParts(error, redact)
      return { message, fix: fix ?? 'See the message.' }
    },
  }
}
