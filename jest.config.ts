/** @jest-config-loader esbuild-register */
import type { Config } from 'jest'

/** Runs the TypeScript sources as ES modules; start Jest with `--experimental-vm-modules` (Prisma 7's client is ESM only). */
const config: Config = {
  roots: ['<rootDir>/packages/prisma-kms-encrypted', '<rootDir>/packages/benchmarks'],
  testMatch: ['**/test/**/*.test.ts'],
  globalSetup: '<rootDir>/packages/prisma-kms-encrypted/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/packages/prisma-kms-encrypted/test/support/global-teardown.mjs',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/build/'],
  modulePathIgnorePatterns: ['/dist/', '/build/'],
  maxWorkers: 2,
  // No test is judged by what else the machine does.
  testTimeout: 240_000,
}

export default config
