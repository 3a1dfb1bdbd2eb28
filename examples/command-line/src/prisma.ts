/** The application's client. In production the keys stay in a KMS: `localKms()` stands in for it. */
import { PrismaPg } from '@prisma/adapter-pg'
import { kmsEncrypted } from 'prisma-kms-encrypted'
import { localKms } from 'prisma-kms-encrypted/local'
import { encryptedModels } from './generated/kms-encrypted.js'
import { PrismaClient } from './generated/prisma/client.js'

const { DATABASE_URL, KEY_2025 = '', KEY_2026 = '', KEY_PHONE = '', KMS_INDEX_KEY = '' } = process.env

const plain = new PrismaClient({ adapter: new PrismaPg({ connectionString: DATABASE_URL }) })

/** The client whose new data keys are wrapped by the given version of the default key. */
export const encrypt = (current: 1 | 2) =>
  plain.$extends(
    kmsEncrypted({
      models: encryptedModels,
      providers: [localKms({ keys: { '2025': KEY_2025, '2026': KEY_2026, phone: KEY_PHONE } })],
      keys: {
        default: { current, versions: { 1: { keyId: 'local/2025' }, 2: { keyId: 'local/2026' } } },
        phone: { keyId: 'local/phone' },
      },
      indexKey: { keyId: 'local/2025', key: KMS_INDEX_KEY },
      namespace: 'shop',
    }),
  )

export const prisma = encrypt(2)
