/** A server that is killed at any moment around the start of a branch key loses nothing. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { generateLocalKey, localKms } from '../../src/providers/local.js'
import { postgresBranchKeys } from '../../src/providers/postgres-branch-keys.js'
import { useExtendedDatabase } from '../support/extended-database.js'

const database = useExtendedDatabase()
const key = generateLocalKey()

beforeAll(async () => {
  const store = postgresBranchKeys({ connectionString: database.url })
  await store.createTable()
  await store.close?.()
})

/** Runs the writer until it reaches the moment, and kills it there, as the kernel would. */
async function killAt(moment: string): Promise<void> {
  const writer = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('branch-key-writer.ts', import.meta.url))],
    {
      env: { ...process.env, TEST_DATABASE: database.url, TEST_LOCAL_KEY: key, TEST_STOP_AT: moment },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let output = ''
  let errors = ''
  writer.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const exited = once(writer, 'exit')
  await new Promise<void>((resolve, reject) => {
    writer.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (output.includes('\n')) resolve()
    })
    exited.then(() => {
      reject(new Error(`the writer ended by itself: ${errors}`))
    }, reject)
  })
  expect(output).toBe(`${moment}\n`)
  process.kill(writer.pid ?? 0, 'SIGKILL')
  expect(await exited).toEqual([null, 'SIGKILL'])
}

test.each([
  ['before storing', 0, 0],
  ['after storing', 1, 0],
  ['after reading back', 1, 0],
  ['after wrapping', 1, 0],
  ['after inserting', 1, 1],
])(
  'killed %s: %i branch keys and %i records are left, and all that is left is good',
  async (moment, keys, records) => {
    await database.sql('TRUNCATE kms_branch_keys, "User" CASCADE')
    await killAt(moment)
    const branchKeys = () => database.sql('SELECT generation FROM kms_branch_keys')
    expect(await branchKeys()).toHaveLength(keys)

    const store = postgresBranchKeys({ connectionString: database.url })
    const { prisma } = database.connect({
      keys: {
        default: { keyId: 'local/app', branchKeys: { store, per: 'model' } },
        phone: { keyId: 'local/phone' },
      },
      ...({ providers: [localKms({ key })] } as object), // in place of the file's own key material
    })
    expect(await prisma.user.findMany()).toHaveLength(records)
    await prisma.user.create({ data: { name: 'by the next server' } })
    expect((await prisma.user.findMany()).map(({ name }) => name).sort()).toEqual([
      'by the next server',
      ...(records === 1 ? [`killed ${moment}`] : []),
    ])
    expect(await branchKeys()).toEqual([{ generation: 1 }]) // what the killed one stored is used
    await prisma.$kms.close()
  },
)
