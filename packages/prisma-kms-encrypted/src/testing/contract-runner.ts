/** The part of a test runner that the contract suite needs. */

/** `describe` and `test` of a test runner: Jest, Vitest, Mocha (as `it`) and `node:test` have it. */
export interface ContractRunner {
  readonly describe: (name: string, body: () => void) => unknown
  readonly test: (name: string, body: () => Promise<void>) => unknown
}

/** Finds the runner's globals. @throws Error when there are none */
export function globalRunner(): ContractRunner {
  const { describe, test } = globalThis as Partial<ContractRunner> // runners put them there
  if (describe !== undefined && test !== undefined) return { describe, test }
  throw new Error('providerContract: found no global describe and test; pass them as options.runner')
}
