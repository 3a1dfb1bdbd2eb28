#!/usr/bin/env node
/** The generator's executable: `prisma generate` starts it and talks to it over its standard streams. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

import generatorHelper, { type GeneratorOptions } from '@prisma/generator-helper'

import { isKmsEncryptedError } from '../../errors.js'
import { generateModule } from './generate.js'
import { readOutputPath, refuseUnknownOptions } from './generator-block.js'

async function generate(options: GeneratorOptions): Promise<void> {
  refuseUnknownOptions(options.generator)
  const path = readOutputPath(options.generator)
  const text = generateModule({
    dmmf: options.dmmf,
    database: options.datasources[0]?.activeProvider ?? 'none',
    datamodel: options.datamodel,
  })
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}

/** Prisma prints an error's stack; a problem of the schema needs none. */
function withoutStack(error: unknown): unknown {
  if (isKmsEncryptedError(error)) error.stack = error.message
  return error
}

if (process.stdin.isTTY) {
  console.error(
    'prisma-kms-encrypted is a Prisma generator: add it to your schema and run `prisma generate`.',
  )
  process.exitCode = 1
} else {
  generatorHelper.generatorHandler({
    onManifest: () => ({
      prettyName: 'Prisma KMS Encrypted models',
      defaultOutput: './generated/kms-encrypted.ts',
    }),
    onGenerate: async (options) => {
      try {
        await generate(options)
      } catch (error) {
        throw withoutStack(error)
      }
    },
  })
}
