/** The application's client: two versions of the master key can be read, one is written. */
import { PrismaPg } from '@prisma/adapter-pg'
import { kmsEncrypted } from 'prisma-kms-encrypted'
import { encryptedModels } from './generated/kms-encrypted.js'
import { PrismaClient } from './generated/prisma/client.js'

// KMS_LOCAL_KEY holds the key material of local/… here. In production these would be the ids of keys in a KMS, such as
// `arn:aws:kms:…`.
const versions = { 1: { keyId: 'local/first' }, 2: { keyId: 'local/second' } }

/** Connects with the given version of the master key as the one that new data keys are wrapped by. */
export function connect(url: string, current: 1 | 2) {
  const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 4 }) })
  return client.$extends(kmsEncrypted({ models: encryptedModels, keys: { default: { current, versions } } }))
}
