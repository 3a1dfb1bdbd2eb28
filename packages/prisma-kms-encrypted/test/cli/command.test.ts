/** The built command as a user runs it: help, exit codes, errors, secrets, Ctrl-C and a terminal. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { terminalTest, useShop } from './shop.js'

/** Each command is a process of its own. */
const slowMs = 240_000
const shop = useShop()
let temporary = ''

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'kms-encrypted-cli-'))
}, slowMs)
afterAll(() => rm(temporary, { recursive: true, force: true }))

terminalTest(
  'help says what there is, how each ends, and fits the terminal',
  async () => {
    const { screen, code, raw } = await shop.terminal(['--help'], { columns: 80 })
    expect(code).toBe(0)
    expect(raw).toContain('\u001b[1m')
    for (const part of [
      'doctor',
      'status',
      'rotate',
      'index-key',
      'context-hash',
      'open',
      'Exit codes',
      '130',
    ])
      expect(screen).toContain(part)
    expect(Math.max(...screen.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    const piped = await shop.run(['status', '--help'])
    expect(piped.stdout).toContain('kms-encrypted status User --html report.html')
    expect(piped.stdout).not.toContain('\u001b')
  },
  slowMs,
)

test.each([
  [['rotat'], 'Did you mean rotate?'],
  [['status', '--kee', 'x'], 'unknown option'],
  [['doctor', '--severity', 'bad'], 'Known: ok, warn, critical'],
  [['rotate', '--batch-size', '0'], 'whole number'],
  [['status', '--config', 'nowhere.ts'], 'does not exist'],
])(
  'misuse ends with 2 and says what is wrong: %j',
  async (args, said) => {
    const { code, stdout, stderr } = await shop.run(args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(said)
  },
  slowMs,
)

test(
  'a configuration that is none, is missing, or throws',
  async () => {
    const without = await shop.run(['status'], { cwd: temporary })
    expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('No kms-encrypted.config.ts')])
    await writeFile(join(temporary, 'kms-encrypted.config.mjs'), 'export default { clientt: 1 }')
    const misspelt = await shop.run(['status'], { cwd: temporary })
    expect([misspelt.code, misspelt.stderr]).toEqual([2, expect.stringContaining('clientt')])
    await writeFile(
      join(temporary, 'kms-encrypted.config.mjs'),
      `export default { client: () => { throw new Error('cannot reach postgresql://app:hunter22@db/x, token hvs.AAAAAAAAAAAAAAAAAAAAAAAA') } }`,
    )
    const throwing = await shop.run(['status', '--json'], { cwd: temporary })
    expect([throwing.code, throwing.stdout]).toEqual([1, ''])
    expect(JSON.parse(throwing.stderr)).toEqual({
      error: {
        code: 'Error',
        message: 'cannot reach postgresql://[hidden]@db/x, token [hidden]',
        why: null,
        fix: null,
      },
    })
    await writeFile(join(temporary, 'kms-encrypted.config.mjs'), 'export default { client: () => ({}) }')
    const plain = await shop.run(['status'], { cwd: temporary })
    expect([plain.code, plain.stderr]).toEqual([1, expect.stringContaining('extended by kmsEncrypted()')])
    expect(plain.stderr).not.toMatch(/\n\s+at /)
    expect((await shop.run(['status', '--debug'], { cwd: temporary })).stderr).toMatch(/\n\s+at /)
  },
  slowMs,
)

terminalTest(
  'status: the table, the data, the report and the check',
  async () => {
    const html = join(temporary, 'report.html')
    const { code, stdout } = await shop.run(['status', '--json', '--html', html, '--check'])
    expect(code).toBe(3)
    const { models } = JSON.parse(stdout) as { models: { model: string; rows: number }[] }
    expect(models).toMatchObject([
      {
        model: 'Customer',
        rows: 1200,
        keys: [{ key: 'default', current: 300, outdated: 900 }, { key: 'phone' }],
      },
      { model: 'Invoice', rows: 250, keys: [{ plaintext: 100, outdated: 150 }] },
    ])
    expect(await readFile(html, 'utf8')).toContain('<h2>Customer</h2>')
    const narrow = await shop.terminal(['status', 'customer'], { columns: 46, env: { NO_COLOR: '1' } })
    expect(Math.max(...narrow.screen.split('\n').map((line) => line.length))).toBeLessThanOrEqual(46)
    for (const code of [1, 2, 31, 32, 33]) expect(narrow.raw).not.toContain(`\u001b[${code}m`)
  },
  slowMs,
)

test(
  'doctor alarms: a column that is too short ends it with 3, and filters choose what counts',
  async () => {
    await shop.sql('ALTER TABLE "Invoice" ALTER iban TYPE varchar(400)')
    try {
      const { code, stdout } = await shop.run([
        'doctor',
        '--json',
        '--severity',
        'critical',
        '--model',
        'invoice',
      ])
      expect(code).toBe(3)
      const { checks, summary } = JSON.parse(stdout) as { checks: object[]; summary: Record<string, number> }
      expect(checks).toMatchObject([{ id: 'length', subject: 'Invoice.iban', severity: 'CRITICAL' }])
      expect([summary['CRITICAL'], (summary['OK'] ?? 0) > 5]).toEqual([1, true])
      expect((await shop.run(['doctor', '--model', 'customer'])).code).toBe(0)
    } finally {
      await shop.sql('ALTER TABLE "Invoice" ALTER iban TYPE text')
    }
  },
  slowMs,
)

test(
  'no output holds plaintext, a key or the password of the database',
  async () => {
    const password = 'pass-of-the-database'
    const url = shop.env['DATABASE_URL']?.replace('postgres@', `postgres:${password}@`) ?? ''
    const outputs: string[] = []
    const collect = async (args: string[], env: Record<string, string>) => {
      const { stdout, stderr } = await shop.run(args, { env: { DATABASE_URL: url, ...env } })
      outputs.push(stdout, stderr)
    }
    await shop.sql(
      `UPDATE "Customer" SET "encryptedKmsKey" = 'v1:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB' WHERE id = 5`,
    )
    try {
      await collect(['rotate', 'Customer', '--dry-run', '--debug'], {})
      await collect(['doctor', '--debug', '--json'], { KEY_2025: 'not-a-key-but-secret-all-the-same' })
      await collect(['status', '--debug'], {
        DATABASE_URL: `postgresql://postgres:${password}@127.0.0.1:1/shop`,
      })
      await collect(['status'], { DATABASE_URL: `postgresql://postgres:${password}@[bad:url/shop` })
    } finally {
      await shop.seed()
    }
    const all = outputs.join('\n')
    expect(all).toContain('Customer 5, key default')
    expect(all.length).toBeGreaterThan(500)
    const secrets = [
      password,
      'not-a-key-but',
      'customer4@',
      'prefers',
      'DE00',
      'QUFBQUFB',
      'S0UB',
      ...['KEY_2025', 'KEY_2026', 'KEY_PHONE'].map((name) => shop.env[name] ?? ''),
    ]
    for (const secret of secrets) expect(all).not.toContain(secret)
  },
  slowMs,
)

test(
  'rotate: rows that cannot be opened are told, the rest is done, and it ends with 4',
  async () => {
    await shop.sql(
      `UPDATE "Customer" SET "encryptedKmsKey" = 'v1:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB' WHERE id = 5`,
    )
    try {
      const { code, stdout, stderr } = await shop.run(['rotate', 'Customer', '--key', 'default'])
      expect([code, stdout]).toEqual([
        4,
        expect.stringMatching(/✗ Customer {2}899 rows rotated, 300 had nothing to do, 1 left as they were/),
      ])
      expect(stdout).toContain('Customer 5, key default')
      expect(stderr).not.toContain('\r')
    } finally {
      await shop.seed()
    }
  },
  slowMs,
)

terminalTest(
  'rotate: Ctrl-C ends it cleanly and says how to go on',
  async () => {
    let pressed = false
    const { code, screen } = await shop.terminal(
      ['rotate', 'Customer', '--re-encrypt', '--batch-size', '10', '--concurrency', '1'],
      {
        type: (raw) => {
          if (pressed || !/[1-9]\d* %/.test(raw)) return null
          pressed = true
          return '\u0003'
        },
      },
    )
    expect(code).toBe(130)
    const [, next = '', cursor = ''] =
      /\n\s+kms-encrypted (rotate Customer .*--cursor '(.+)')/.exec(screen) ?? []
    expect([cursor, next]).toEqual([
      expect.stringMatching(/^\[\d+\]$/),
      expect.stringContaining('--re-encrypt'),
    ])
    const [half] = await shop.sql(
      `SELECT count(*)::integer AS done FROM "Customer" WHERE "encryptedKmsKey" LIKE 'v2:%'`,
    )
    expect(Number(half?.['done'])).toBeGreaterThan(300)
    expect(Number(half?.['done'])).toBeLessThan(1200)
    const rest = await shop.run(['rotate', 'Customer', '--re-encrypt', '--cursor', cursor])
    expect(rest.code).toBe(0)
    const [all] = await shop.sql(
      `SELECT count(*)::integer AS done FROM "Customer" WHERE "encryptedKmsKey" LIKE 'v2:%'`,
    )
    expect(all?.['done']).toBe(1200)
  },
  slowMs,
)

test(
  'encrypt: what was plaintext is encrypted',
  async () => {
    const { code, stdout } = await shop.run(['encrypt', 'invoice'])
    expect([code, stdout]).toEqual([0, expect.stringContaining('100 rows encrypted, 150 had nothing to do')])
    const [left] = await shop.sql(`SELECT count(*)::integer AS plain FROM "Invoice" WHERE iban LIKE 'DE00%'`)
    expect(left?.['plain']).toBe(0)
  },
  slowMs,
)

terminalTest(
  'open asks in the terminal, and prints the value after a yes and a reason',
  async () => {
    let asked = 0
    const { code, screen } = await shop.terminal(['open', 'Customer', '7', 'email'], {
      type: (raw) => {
        if (asked === 0 && raw.includes('[y/N]')) return [(asked = 1), 'y\r'][1] as string
        if (asked === 1 && raw.includes('Reason:')) return [(asked = 2), 'ticket 9\r'][1] as string
        return null
      },
    })
    expect([code, screen.split('\n').at(-1)]).toEqual([0, 'customer6@example.com'])
    expect(screen).toContain('"reason":"ticket 9"')
    const nobody = await shop.run(['open', 'Customer', '7', 'email'])
    expect([nobody.code, nobody.stdout]).toEqual([2, ''])
  },
  slowMs,
)
