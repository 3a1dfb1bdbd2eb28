/** Runs the suites that need KMS servers, as the root configuration runs the others, with the same PostgreSQL. */
export default {
  rootDir: '../..',
  roots: ['<rootDir>/packages/prisma-kms-encrypted/test'],
  testMatch: ['**/servers/*.server.ts', '**/providers/{local,test}.test.ts'],
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
  testTimeout: 240_000,
}
