/** Runs a cell's call on both sides and says what it came to; what cannot be judged is an error, never a guess. */
import { isDeepStrictEqual } from 'node:util'
import { isKmsEncryptedError } from '../../src/errors.js'
import { Prisma } from '../generated/prisma/client.js'
import { absent, type Call, type Place, type Verdict } from './cell.js'
import { twinArguments } from './field-reference.js'
import { comparable, delegateName, sorted, type DynamicClient, type Fixture } from './fixture.js'

type Outcome = { readonly value: unknown } | { readonly error: unknown }

const writes = /^(create|update|upsert|delete)/

/**
 * Judges one call.
 * @param expected Prisma's error code that both sides must answer with
 * @throws Error when the two sides differ, when the case proves nothing, or when a refusal came after a write
 */
export async function judge(fixture: Fixture, call: Call, place: Place, expected?: string): Promise<Verdict> {
  const changes = writes.test(call.operation)
  await fixture.reset()
  const twin =
    call.twin === null ? null : await run(fixture, { ...call, args: twinArguments(call.args) }, 'twin', place)
  const ours = await run(fixture, call, 'encrypted', place)
  const written = fixture.queries.some(
    ({ sql }) => /^(INSERT|UPDATE|DELETE)/.test(sql) && !/Plain|plain_/.test(sql),
  )
  if (twin && 'error' in twin && twin.error instanceof Prisma.PrismaClientValidationError) return absent
  if ('error' in ours && isKmsEncryptedError(ours.error)) {
    if (written) throw new Error(`${describe(call)}: refused after a write`)
    return { kind: 'refused', code: ours.error.code }
  }
  if (!twin && 'error' in ours && ours.error instanceof Prisma.PrismaClientValidationError) return absent
  if (!twin) throw new Error(`${describe(call)}: expected a refusal, got ${text(ours)}`)
  if ('error' in twin && 'error' in ours && expected) {
    if (code(twin.error) === expected && code(ours.error) === expected) return { kind: 'supported' }
  }
  if ('error' in ours || 'error' in twin)
    throw new Error(`${describe(call)}: twin ${text(twin)}, encrypted ${text(ours)}`)
  const unordered = call.operation.endsWith('AndReturn')
  const [wanted, actual] = [twin.value, ours.value].map((value) => {
    const rows = comparable(value, call.args)
    return unordered ? sorted(rows) : rows
  })
  if (!isDeepStrictEqual(actual, wanted))
    throw new Error(`${describe(call)}: expected ${json(wanted)}, got ${json(actual)}`)
  if (changes) {
    const [before, after] = await Promise.all([fixture.state('twin'), fixture.state('encrypted')])
    if (!isDeepStrictEqual(after, before))
      throw new Error(`${describe(call)}: stored ${json(after)} instead of ${json(before)}`)
  }
  return { kind: 'supported' }
}

async function run(
  { encrypted, plain }: Fixture,
  { model, operation, args }: Call,
  side: 'encrypted' | 'twin',
  place: Place,
): Promise<Outcome> {
  const client = side === 'encrypted' ? encrypted : plain
  const start = (on: DynamicClient) => {
    const method = on[delegateName(model, side)]?.[operation]
    if (!method) throw new Error(`no operation ${model}.${operation}`)
    return method(args)
  }
  try {
    switch (place) {
      case 'alone':
        return { value: await start(client) }
      case 'interactive':
        return { value: await client.$transaction((tx: DynamicClient) => start(tx)) }
      case 'array':
        return { value: ((await client.$transaction([start(client)])) as unknown[])[0] }
      case 'foreign':
        return { value: ((await plain.$transaction([start(client)])) as unknown[])[0] }
    }
  } catch (error) {
    return { error }
  }
}

function code(error: unknown): string | undefined {
  return (error as { code?: string }).code
}

function describe({ model, operation, args }: Call): string {
  return `${model}.${operation}(${json(args)})`
}

function text(outcome: Outcome): string {
  return 'error' in outcome ? `threw ${String(outcome.error)}` : `gave ${json(outcome.value)}`
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner))
}
