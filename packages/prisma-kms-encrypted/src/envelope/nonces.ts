/** The nonces of AES-GCM: random, each handed out once. */

import { NONCE_BYTES } from './field-format.js'
import { createRandomPool } from './random-pool.js'

/** Gives a fresh nonce of 12 bytes at each call. */
export type NonceSource = () => Buffer

/** The process's own nonces, drawn 1,024 at a time. */
export const randomNonces: NonceSource = createRandomPool(NONCE_BYTES, 1024)
