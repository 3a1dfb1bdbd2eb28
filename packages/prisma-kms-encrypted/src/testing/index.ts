/** What users' own tests need: a contract suite for providers and a provider that counts, delays and fails. */
export { countingKms } from './counting-kms.js'
export type { CountingKms, CountingKmsOptions, FaultRequest, KmsCounts } from './counting-kms.js'
export { providerContract } from './provider-contract.js'
export type { ContractRunner, ContractState, ProviderContractOptions } from './provider-contract.js'
export { insecureTestKms } from '../providers/test.js'
