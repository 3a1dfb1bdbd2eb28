/** Reads the `generator` block of the schema: where the module goes, and no option that is not known. */
import type { GeneratorConfig } from '@prisma/generator-helper'

import { KmsEncryptedError } from '../../errors.js'

/**
 * The absolute path of the module.
 *
 * @throws KmsEncryptedError `INVALID_CONFIGURATION` if it is no TypeScript file
 */
export function readOutputPath(generator: GeneratorConfig): string {
  const path = generator.output?.value ?? ''
  if (/\.m?ts$/.test(path) && !/\.d\.m?ts$/.test(path)) return path
  throw new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `generator ${generator.name}: expected output to be a TypeScript file, got "${path}"`,
    why: 'One TypeScript module is generated, with a value and its exact type.',
    fix: 'Write, for example, output = "../src/generated/kms-encrypted.ts".',
  })
}

/** @throws KmsEncryptedError `INVALID_CONFIGURATION` for options that this generator does not have */
export function refuseUnknownOptions(generator: GeneratorConfig): void {
  const [unknown] = Object.keys(generator.config)
  if (unknown === undefined) return
  throw new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `generator ${generator.name}: unknown option "${unknown}"`,
    why: 'This generator takes provider and output only; another option would have no effect.',
    fix: `Remove "${unknown}".`,
  })
}
