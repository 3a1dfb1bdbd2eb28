/** `open`, `context-hash` and `index-key` on a real database. */
import { runContextHash } from '../../src/cli/commands/context-hash.js'
import { runCreateIndexKey, runRotateIndexKey } from '../../src/cli/commands/index-key.js'
import { runOpen } from '../../src/cli/commands/open.js'
import type { OpenAudit } from '../../src/cli/define-config.js'
import { openProject } from '../../src/cli/project.js'
import { createIndexKey } from '../../src/extension/index-key.js'
import { localKms } from '../../src/providers/local.js'
import { localKeys } from '../support/extended-client.js'
import { codeOf, useExtendedDatabase, versionsAt, type ExtendedClient } from '../support/extended-database.js'
import { keepTerminal } from './terminal-stub.js'

const database = useExtendedDatabase()
const secret = 'ada@canary.example'
let id = 0

const projectOf = (client: ExtendedClient, onOpen?: (entry: OpenAudit) => void | Promise<void>) =>
  openProject({
    path: 'kms-encrypted.config.ts',
    folder: '.',
    load: () => Promise.reject(new Error('not needed')),
    config: { client: client.prisma, ...(onOpen ? { onOpen } : {}) },
  })
const command = { model: 'user', field: 'email', yes: false, json: false, now: new Date(), reason: undefined }

beforeAll(async () => {
  const { prisma } = database.connect()
  ;({ id } = await prisma.user.create({ data: { name: 'Ada', email: secret, notes: { a: 1 } } }))
})

test('names the key of the very value, which need not be the newest of the record', async () => {
  const { prisma } = database.connect(versionsAt(1))
  const { id: several } = await prisma.user.create({ data: { name: 'Bo', email: 'bo@canary.example' } })
  const client = database.connect(versionsAt(2))
  await client.prisma.user.update({ where: { id: several }, data: { name: 'Bob' } })
  const entries: OpenAudit[] = []
  const project = await projectOf(client, (entry) => void entries.push(entry))
  for (const field of ['email', 'name'])
    await runOpen(project, keepTerminal(['y', 'ticket 8']), { ...command, field, id: String(several) })
  expect(entries.map(({ keyId }) => keyId)).toEqual(['local/app', 'local/next'])
})

test('asks, records who opens what and why, and only then decrypts', async () => {
  const client = database.connect()
  const entries: OpenAudit[] = []
  const callsBefore: number[] = []
  const project = await projectOf(client, (entry) => {
    entries.push(entry)
    callsBefore.push(client.kms.totalCalls)
  })
  const terminal = keepTerminal(['y', 'ticket 7'])
  expect(await runOpen(project, terminal, { ...command, id: String(id) })).toBe(0)
  expect(terminal.written.out).toBe(`${secret}\n`)
  expect(terminal.written.err).toContain('Decrypt User.email of record')
  expect(entries).toEqual([
    expect.objectContaining({
      model: 'User',
      id: String(id),
      field: 'email',
      key: 'default',
      keyId: 'local/app',
      reason: 'ticket 7',
    }),
  ])
  expect([callsBefore, client.kms.totalCalls]).toEqual([[0], 1])
  expect(JSON.stringify(entries) + terminal.written.err).not.toContain(secret)
})

test.each([
  ['the user says no', ['n']],
  ['the user just presses return', ['']],
  ['the user gives no reason', ['y', ' ']],
])('opens nothing when %s', async (_, answers) => {
  const client = database.connect()
  const terminal = keepTerminal(answers)
  expect(await runOpen(await projectOf(client), terminal, { ...command, id: String(id) })).toBe(1)
  expect([terminal.written.out, client.kms.totalCalls]).toEqual(['', 0])
})

test('opens nothing when the audit fails, nobody is there, or no reason is given', async () => {
  const client = database.connect()
  const failing = await projectOf(client, () => Promise.reject(new Error('audit is down')))
  const terminal = keepTerminal(['y', 'because'])
  await expect(runOpen(failing, terminal, { ...command, id: String(id) })).rejects.toThrow('audit is down')
  const project = await projectOf(client)
  expect(await codeOf(runOpen(project, keepTerminal(), { ...command, id: String(id) }))).toBe(
    'INVALID_CONFIGURATION',
  )
  const yes = { ...command, id: String(id), yes: true }
  expect(await codeOf(runOpen(project, keepTerminal(), yes))).toBe('INVALID_CONFIGURATION')
  expect([terminal.written.out, client.kms.totalCalls]).toEqual(['', 0])
})

test('does not let a value drive the terminal', async () => {
  const client = database.connect()
  const evil = await client.prisma.user.create({ data: { name: 'x', email: 'a\u001b]0;owned\u0007b\nc' } })
  const yes = { ...command, id: String(evil.id), yes: true, reason: 'test' }
  const terminal = keepTerminal([], 80)
  await runOpen(await projectOf(client), terminal, yes)
  expect(terminal.written.out).toBe('a\\x1b]0;owned\\x07b\nc\n')
  const piped = keepTerminal()
  await runOpen(await projectOf(client), piped, { ...yes, json: true })
  expect(JSON.parse(piped.written.out)).toEqual({ value: evil.email })
})

test('a null costs no call; other ids and fields are refused', async () => {
  const client = database.connect()
  const project = await projectOf(client)
  const terminal = keepTerminal()
  expect(await runOpen(project, terminal, { ...command, id: String(id), field: 'phone' })).toBe(0)
  expect(client.kms.totalCalls).toBe(0)
  for (const wrong of [{ id: '999999' }, { id: 'x' }, { field: 'nickname' }, { model: 'Org' }]) {
    expect(await codeOf(runOpen(project, keepTerminal(), { ...command, id: String(id), ...wrong }))).toBe(
      'INVALID_CONFIGURATION',
    )
  }
})

test('a record with a compound id', async () => {
  const client = database.connect()
  const org = await client.prisma.org.create({ data: { name: 'o' } })
  await client.prisma.membership.create({ data: { orgId: org.id, userNo: 7, secret: 'inside' } })
  const terminal = keepTerminal()
  const key = JSON.stringify({ orgId: org.id, userNo: 7 })
  await runOpen(await projectOf(client), terminal, {
    ...command,
    model: 'Membership',
    id: key,
    field: 'secret',
    yes: true,
    reason: 'r',
  })
  expect(terminal.written.out).toBe('inside\n')
  expect(terminal.written.err).toContain(`"id":"[\\"${org.id}\\",\\"7\\"]"`)
})

test('context-hash shows the context of the record, and the hash where the service has one', async () => {
  const client = database.connect()
  const terminal = keepTerminal()
  const options = { model: 'User', id: '42', key: 'phone', path: 'file', json: true }
  expect(await runContextHash(await projectOf(client), terminal, options)).toBe(0)
  expect(JSON.parse(terminal.written.out)).toEqual({
    model: 'User',
    key: 'phone',
    keyId: 'local/phone',
    context: { model_name: 'User', model_id: '42' },
    canonical: '{"model_id":"42","model_name":"User"}',
    hash: null,
  })
})

test('index-key create works without a client; rotate adds a key, --rewrap keeps the indexes valid', async () => {
  const providers = [localKms({ keys: localKeys })]
  const created = keepTerminal()
  await runCreateIndexKey(created, { keyId: 'local/app', version: 1, providers, json: true })
  expect(JSON.parse(created.written.out)).toEqual({ keyId: 'local/app', key: expect.stringMatching(/^v1:/) })

  const indexKey = { keyId: 'local/app', key: await createIndexKey({ keyId: 'local/app', providers }) }
  const client = database.connect({ indexKey })
  const account = await client.prisma.account.create({ data: { email: 'find@me' } })
  const configOf = async (options: { keyId: string | undefined; rewrap: boolean }) => {
    const terminal = keepTerminal()
    await runRotateIndexKey(await projectOf(client), terminal, { ...options, json: true })
    return JSON.parse(terminal.written.out) as { current: number; versions: Record<string, typeof indexKey> }
  }
  const rotated = await configOf({ keyId: undefined, rewrap: false })
  expect(rotated).toEqual({
    current: 1,
    versions: { 1: indexKey, 2: { keyId: 'local/app', key: expect.stringMatching(/^v1:/) } },
  })
  const rewrapped = await configOf({ keyId: 'local/next', rewrap: true })
  expect(rewrapped.versions['1']?.keyId).toBe('local/next')
  for (const config of [rotated, rewrapped]) {
    const { prisma } = database.connect({ indexKey: config })
    expect((await prisma.account.findUnique({ where: { email: 'find@me' } }))?.id).toBe(account.id)
  }
})
