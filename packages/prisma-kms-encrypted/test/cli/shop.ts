/** Runs the built command `kms-encrypted` in examples/command-line, on a database of its own, with and without a terminal. */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import xterm from '@xterm/headless'
import { createIndexKey } from '../../src/extension/index-key.js'
import { generateLocalKey, localKms } from '../../src/providers/local.js'
import { createDatabase, runSql, type TestDatabase } from '../support/database.js'

const require = createRequire(import.meta.url)
const root = fileURLToPath(new URL('../../../../', import.meta.url))
/** Where the command runs. */
export const folder = join(root, 'examples/command-line')
const command = join(root, 'packages/prisma-kms-encrypted/bin/kms-encrypted.js')

/** A test with a terminal, which `script` of util-linux gives: on Linux, and wherever nothing may be skipped. */
export const terminalTest =
  process.platform === 'linux' || process.env['REQUIRE_SERVERS'] === '1' ? test : test.skip

/** How a command ended. */
export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** What a terminal shows in the end. */
export interface ScreenResult {
  readonly code: number
  /** The lines as a reader sees them. */
  readonly screen: string
  /** Everything that was sent to the terminal. */
  readonly raw: string
}

/** How a command runs. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** How a command runs in a terminal. */
export interface TerminalOptions extends RunOptions {
  readonly columns?: number
  /** Called with what has been sent so far; what it gives is typed. `\u0003` is Ctrl-C. */
  readonly type?: (raw: string) => string | null
}

/** The example with its database and keys. */
export interface Shop {
  readonly env: Readonly<Record<string, string>>
  sql(text: string, ...parameters: unknown[]): Promise<Record<string, unknown>[]>
  /** Empties the tables and fills them as src/seed.ts does. */
  seed(): Promise<void>
  run(args: readonly string[], options?: RunOptions): Promise<CommandResult>
  terminal(args: readonly string[], options?: TerminalOptions): Promise<ScreenResult>
}

/** Makes the database before the file's tests. */
export function useShop(): Shop {
  let database: TestDatabase | undefined
  let env: Record<string, string> = {}
  const shop: Shop = {
    get env() {
      return env
    },
    sql: (text, ...parameters) => runSql(database?.url ?? '', text, parameters),
    async seed() {
      await shop.sql('TRUNCATE "Customer", "Invoice" RESTART IDENTITY')
      const { code, stderr } = await start(
        [join(require.resolve('tsx/package.json', { paths: [folder] }), '../dist/cli.mjs'), 'src/seed.ts'],
        { env },
      )
      if (code !== 0) throw new Error(stderr)
    },
    run: (args, options) => start([command, ...args], { ...options, env: { ...env, ...options?.env } }),
    terminal: (args, options) => startInTerminal(args, { ...options, env: { ...env, ...options?.env } }),
  }
  beforeAll(async () => {
    database = await createDatabase()
    const migration = await readFile(join(folder, 'prisma/migrations/0001_init/migration.sql'), 'utf8')
    await runSql(
      database.url,
      `DROP SCHEMA public CASCADE; DROP SCHEMA audit CASCADE; CREATE SCHEMA public; ${migration}`,
    )
    const KEY_2025 = generateLocalKey()
    env = {
      DATABASE_URL: database.url,
      KEY_2025,
      KEY_2026: generateLocalKey(),
      KEY_PHONE: generateLocalKey(),
      KMS_INDEX_KEY: await createIndexKey({
        keyId: 'local/2025',
        providers: [localKms({ keys: { '2025': KEY_2025 } })],
      }),
    }
    await shop.seed()
  })
  afterAll(() => database?.drop())
  return shop
}

/** What this run of Jest sets would change how the child behaves. */
const notInherited = ['NODE_OPTIONS', 'JEST_WORKER_ID', 'FORCE_COLOR', 'NO_COLOR', 'CI', 'KMS_KEY_ID']

function environment(env: RunOptions['env']): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !notInherited.includes(name))
  return { ...Object.fromEntries(inherited), NODE_ENV: 'test', ...env }
}

function start(args: readonly string[], { env, cwd = folder }: RunOptions): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      env: environment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
    child.on('error', reject).on('close', (code) => {
      resolve({ code: code ?? -1, stdout, stderr })
    })
  })
}

/** `script` of util-linux gives the command a pseudo terminal; xterm.js shows what a reader would see in it. */
async function startInTerminal(
  args: readonly string[],
  { env, cwd = folder, columns = 100, type }: TerminalOptions,
): Promise<ScreenResult> {
  const rows = 200
  const quoted = [process.execPath, command, ...args]
    .map((arg) => `'${arg.replaceAll("'", "'\\''")}'`)
    .join(' ')
  const line = `stty cols ${columns} rows ${rows}; exec ${quoted}`
  const child = spawn('script', ['-qefc', line, '/dev/null'], {
    cwd,
    env: { ...environment(env), TERM: 'xterm-256color', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let raw = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    raw += chunk
    const typed = type?.(raw)
    if (typed) child.stdin.write(typed)
  })
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject).on('close', (status) => {
      resolve(status ?? -1)
    })
  })
  return { code, raw, screen: await render(raw, columns, rows) }
}

async function render(raw: string, cols: number, rows: number): Promise<string> {
  const terminal = new xterm.Terminal({ cols, rows, scrollback: 0, allowProposedApi: true })
  await new Promise<void>((resolve) => {
    terminal.write(raw, resolve)
  })
  const { active } = terminal.buffer
  const lines = Array.from({ length: rows }, (_, at) => active.getLine(at)?.translateToString(true) ?? '')
  terminal.dispose()
  return lines.join('\n').trimEnd()
}
