/** What users' own tests need: a contract suite for providers and a provider that counts, delays and fails. */
export { countingKms } from './counting-kms.js'
export type { CountingKms, CountingKmsOptions, FaultRequest, KmsCounts } from './counting-kms.js'
export { providerContract } from './provider-contract.js'
export type { ProviderContractOptions } from './provider-contract.js'
export type { ContractRunner } from './contract-runner.js'
export type { ContractState, ContractStates, DeniedKey } from './contract-states.js'
export { insecureTestKms } from '../providers/test.js'
