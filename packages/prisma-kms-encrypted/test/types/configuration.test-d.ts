/** Wrong names in the configuration do not compile. Compiled by types.test.ts, never run. */
import { kmsEncrypted, type KmsEncryptedConfig } from '../../src/index.js'
import { localKms } from '../../src/providers/local.js'
import { encryptedModels } from '../generated/kms-encrypted.js'

const models = encryptedModels

// Everything that there is.
kmsEncrypted({ models })
kmsEncrypted({ models, keyId: 'local/app' })
kmsEncrypted({
  models,
  providers: [localKms({ keys: {} })],
  keys: {
    default: {
      current: 2,
      versions: { 1: { keyId: 'local/a' }, 2: { keyId: 'local/b', context: ({ id }) => ({ id: id ?? '' }) } },
    },
    phone: {
      keyId: 'local/phone',
      eager: 'after-insert',
      contextColumns: ['nickname'],
      context: ({ model, key, id, version, columns }) => ({
        model,
        key,
        id: id ?? '',
        v: String(version),
        c: String(columns['nickname']),
      }),
      rowBinding: 'off',
      freshKeys: true,
    },
  },
  mode: 'decrypt-only',
  exclusive: ['User'],
  indexKey: { keyId: 'local/app', key: 'v1:AAAA' },
  cache: { ttlMs: 1, maxEntries: 1 },
  namespace: 'a',
  transaction: { maxWait: 1, timeout: 1 },
})

// Keys.
// @ts-expect-error no model has this key
kmsEncrypted({ models, keys: { email: { keyId: 'local/app' } } })
// @ts-expect-error a key without an id
kmsEncrypted({ models, keys: { phone: {} } })
// @ts-expect-error an id of another type
kmsEncrypted({ models, keys: { phone: { keyId: 5 } } })
// @ts-expect-error an unknown option of a key
kmsEncrypted({ models, keys: { phone: { keyId: 'local/app', nothing: 1 } } })
// @ts-expect-error an unknown way to get ids
kmsEncrypted({ models, keys: { phone: { keyId: 'local/app', eager: 'soon' } } })
// @ts-expect-error rowBinding can only be given up
kmsEncrypted({ models, keys: { phone: { keyId: 'local/app', rowBinding: 'on' } } })
// @ts-expect-error versions without a current one
kmsEncrypted({ models, keys: { phone: { versions: { 1: { keyId: 'local/app' } } } } })
// @ts-expect-error a context of other than text
kmsEncrypted({ models, keys: { phone: { keyId: 'local/app', context: () => ({ id: 1 }) } } })

// @ts-expect-error an unknown mode
kmsEncrypted({ models, mode: 'write-only' })

// Models.
// @ts-expect-error exclusive for a model that does not exist
kmsEncrypted({ models, exclusive: ['Nobody'] })
// @ts-expect-error models are required
kmsEncrypted({})
// @ts-expect-error no definitions
kmsEncrypted({ models: { User: {} } })

// Options.
// @ts-expect-error an unknown option
kmsEncrypted({ models, nothing: 1 })
// @ts-expect-error an unknown option of transactions
kmsEncrypted({ models, transaction: { wait: 1 } })
// @ts-expect-error a cache without bounds
kmsEncrypted({ models, cache: {} })
// @ts-expect-error no provider
kmsEncrypted({ models, providers: [{ name: 'x' }] })
// @ts-expect-error an index key without its KMS key
kmsEncrypted({ models, indexKey: { key: 'v1:AAAA' } })

// The type of the configuration can be written out.
const config: KmsEncryptedConfig<typeof models> = { models, keys: { phone: { keyId: 'local/phone' } } }
kmsEncrypted(config)
// @ts-expect-error no model has this key
const wrong: KmsEncryptedConfig<typeof models> = { models, keys: { email: { keyId: 'local/phone' } } }
void wrong
