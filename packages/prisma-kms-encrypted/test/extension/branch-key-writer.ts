/** A server in a process of its own, which stops at a chosen moment of its first write, to be killed there. */
import { kmsEncrypted } from '../../src/index.js'
import type { BranchKeyStore } from '../../src/kms/branch-key-store.js'
import { localKms } from '../../src/providers/local.js'
import { postgresBranchKeys } from '../../src/providers/postgres-branch-keys.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import { createClient } from '../support/client.js'
import { indexKey } from '../support/extended-client.js'

const { TEST_DATABASE: url = '', TEST_LOCAL_KEY: key = '', TEST_STOP_AT: stopAt = '' } = process.env

/** Tells the parent that the moment has come, and waits to be killed. */
async function stop(moment: string): Promise<void> {
  if (moment !== stopAt) return
  process.stdout.write(`${moment}\n`)
  setInterval(() => undefined, 60_000)
  await new Promise(() => undefined)
}

const inner = postgresBranchKeys({ connectionString: url })
let added = false
const store: BranchKeyStore = {
  ...inner,
  async add(row) {
    await stop('before storing')
    await inner.add(row)
    added = true
    await stop('after storing')
  },
  async newest(scope, names) {
    const found = await inner.newest(scope, names)
    if (added) await stop('after reading back')
    return found
  },
}

const { prisma: plain } = createClient({ url })
const prisma = plain
  .$extends(
    kmsEncrypted({
      models: encryptedModels,
      providers: [localKms({ key })],
      keys: {
        default: { keyId: 'local/app', branchKeys: { store, per: 'model' } },
        phone: { keyId: 'local/phone' },
      },
      indexKey,
    }),
  )
  .$extends({
    query: {
      user: {
        async create({ args, query }) {
          await stop('after wrapping')
          const created = await query(args)
          await stop('after inserting')
          return created
        },
      },
    },
  })

await prisma.user.create({ data: { name: `killed ${stopAt}` } })
process.stdout.write('finished\n')
