/** Boxes on local keys that all test files share, with a count of what they ask of the key service. */
import { createBox, type BoxConfig } from '../../src/index.js'
import { generateLocalKey, localKms } from '../../src/providers/local.js'
import { countingKms } from '../../src/testing/index.js'

const keys = { app: generateLocalKey(), next: generateLocalKey() }

export const context = { purpose: 'export', user: '42' }

/** A box under `local/app`, unless the configuration says otherwise. */
export function createTestBox(config: BoxConfig = { keyId: 'local/app' }) {
  const kms = countingKms(localKms({ keys }))
  return { kms, box: createBox({ ...config, providers: [kms] }) }
}

export const bytes = (length: number) =>
  Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff))
