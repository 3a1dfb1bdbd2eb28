/** Runs the suites that need KMS servers, as the root configuration runs the others, but without a database. */
export default {
  rootDir: '../..',
  roots: ['<rootDir>/packages/prisma-kms-encrypted/test/servers'],
  testMatch: ['**/*.server.ts'],
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
  testTimeout: 60_000,
}
