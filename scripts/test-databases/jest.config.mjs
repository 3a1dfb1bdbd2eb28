/** Runs the suites on other databases, as the root configuration runs the others, but without PostgreSQL. */
import servers from '../test-servers/jest.config.mjs'

export default {
  ...servers,
  rootDir: '../..',
  roots: ['<rootDir>/packages/prisma-kms-encrypted/test/databases'],
  testMatch: ['**/*.database.ts'],
}
