/** What every model of an extended client can do besides Prisma's operations: `prisma.user.rotateAll()`. */
import type { EncryptResult } from './encrypt-all.js'
import type { EncryptOptions } from './encrypt-options.js'
import { encryptAll, rotateAll } from './on-demand.js'
import type { RotateResult } from './rotate-all.js'
import type { RotateOptions } from './rotate-options.js'

/** Added to every model; they find the model through `this`. */
export const modelMethods = {
  /** Renews the keys of all records of this model; see {@link rotateAll}. */
  rotateAll<D>(this: D, options: RotateOptions<D> = {}): Promise<RotateResult> {
    return rotateAll(this, options)
  },
  /** Encrypts what is plaintext in this model's encrypted fields; see {@link encryptAll}. */
  encryptAll<D>(this: D, options: EncryptOptions<D> = {}): Promise<EncryptResult> {
    return encryptAll(this, options)
  },
}
