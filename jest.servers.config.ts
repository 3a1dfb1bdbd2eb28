/** @jest-config-loader esbuild-register */
import type { Config } from 'jest'
import base from './jest.config.ts'

/** The suites that need KMS servers; `node scripts/test-servers/run.mjs` starts those and then Jest with this. */
const config: Config = {
  ...base,
  testMatch: ['**/test/servers/*.server.ts'],
}
delete config.globalSetup
delete config.globalTeardown

export default config
