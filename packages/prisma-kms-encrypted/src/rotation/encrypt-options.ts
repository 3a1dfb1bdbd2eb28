/** The options of `encryptAll()`. */
import type { WhereOf } from './rotate-options.js'
import type { WalkOptions } from './walk-options.js'

/** Options of {@link encryptAll}; `D` is the type of the delegate. */
export interface EncryptOptions<D = unknown> extends WalkOptions {
  /** Only these rows, as in `findMany`. */
  readonly where?: WhereOf<D>
  /** Only this key's fields; default: all encrypted fields of the model. */
  readonly key?: string
  /**
   * Opens also what is encrypted already: what does not open is reported, and the indexes of what does are computed
   * again. Default: `true` while the model is migrating, since plaintext may look like ciphertext; otherwise only values
   * whose index is missing are opened. Give `true` after a change of `normalize` or of the index key. An encrypt-only server
   * opens nothing: it looks at the form of what is encrypted, and whether there is a key for it.
   */
  readonly openSealed?: boolean
  /** Does everything but write, so that the result tells what would be done and what would fail. */
  readonly dryRun?: boolean
  /** Reads each row again after it was written and opens all its fields; what does not open is reported. */
  readonly verify?: boolean
}
