/** Keys whose data keys are wrapped under one branch key of the model, in a store that all clients of the run share. */
import { memoryBranchKeys } from 'prisma-kms-encrypted/testing'
import { keyIds } from '../kms-stand-in.js'

const store = memoryBranchKeys()

/** The `keys` of a client with branch keys; it also reads what the key service wrapped itself. */
export function branchedKeys() {
  const branchKeys = { store, per: 'model' } as const
  return {
    default: {
      current: 2,
      versions: { 1: { keyId: keyIds.first }, 2: { keyId: keyIds.first, branchKeys } },
    },
  }
}
