/** Arbitrary values of single fields, and what their placeholders become. */
import fc from 'fast-check'
import type { Placeholder } from './descriptions.js'
import { fixtureModels, type IndexedKind, type ModelName, type SecretKind } from './fixture-models.js'
import { indexedValue, isIndexedKind } from './indexed-values.js'
import { weighted } from './sparse.js'

const styles = 24

/** A value for an encrypted field: nearly always one that carries the canary. */
export function secret(kind: SecretKind): fc.Arbitrary<unknown> {
  const carrying = fc.nat(styles - 1).map((style): Placeholder => ({ $secret: kind, style }))
  switch (kind) {
    case 'string':
    case 'short':
      return weighted<unknown>([9, carrying], [1, fc.constant('')])
    case 'bytes':
      return weighted<unknown>([9, carrying], [1, fc.constant({ $bytes: '' })])
    case 'json':
      return weighted<unknown>([9, carrying], [1, fc.constant({ $null: 'JsonNull' } satisfies Placeholder)])
    case 'email':
    case 'badge':
      return weighted<unknown>([14, carrying], [1, knownIndexed(kind)])
    default:
      return carrying
  }
}

/** A value for an encrypted field that may be null. */
export function optionalSecret(kind: SecretKind): fc.Arbitrary<unknown> {
  const none = kind === 'json' ? { $null: 'DbNull' } : isIndexedKind(kind) ? { $null: kind } : null
  return weighted<unknown>([4, secret(kind)], [1, fc.constant(none)])
}

/** A value for a plain field. */
export function plainValue(
  type: 'text' | 'uniqueText' | 'int' | 'boolean' | 'role' | 'date',
): fc.Arbitrary<unknown> {
  switch (type) {
    case 'text':
      return fc.constantFrom<unknown>('', 'low', 'high', null)
    case 'uniqueText':
      return weighted<unknown>(
        [8, fc.constant({ $fresh: 'text' } satisfies Placeholder)],
        [1, fc.constant(null)],
        [1, index().map((at) => ({ $valueOf: 'User', index: at, field: 'handle' }) satisfies Placeholder)],
      )
    case 'int':
      return fc.integer({ min: -3, max: 3 })
    case 'boolean':
      return fc.boolean()
    case 'role':
      return fc.constantFrom('MEMBER', 'EDITOR', 'ADMIN')
    case 'date':
      return fc.constantFrom(new Date('2001-02-03T04:05:06.789Z'), new Date('1999-12-31T23:59:59.999Z'))
  }
}

/** A position among the known rows; sometimes that of a row which does not exist. */
export function index(): fc.Arbitrary<number> {
  return weighted([19, fc.nat(30)], [1, fc.constant(-1)])
}

/** The value that some record has in an indexed field, perhaps in another spelling. */
export function knownIndexed(field: IndexedKind): fc.Arbitrary<Placeholder> {
  return fc.tuple(index(), fc.nat(2)).map(([at, style]) => ({ $valueOf: 'Account', index: at, field, style }))
}

/** A value that no record has yet, for the field that pairs a row with its twin. */
export function freshMarker(model: ModelName): Placeholder {
  return { $fresh: fixtureModels[model].markerType }
}

const wordsAround: readonly ((canary: string) => string)[] = [
  (canary) => canary,
  (canary) => `  ${canary}\n\t\r`,
  (canary) => `👩‍👩‍👧‍👦${canary}é́\u202e\u0001\u001f\u007f`,
  (canary) => `'"; DROP TABLE "User"; -- ${canary} \\' \\\\ %_ $1 \${x}`,
  (canary) => `S0UBAA${canary}`,
  (canary) => `v1:${canary}`,
  (canary) => `{"email":"${canary}"}`,
  (canary) => `${'long '.repeat(2_000)}${canary}`,
  (canary) => `\ufeff${canary}\uffff𝒳`,
  (canary) => `null undefined ${canary} true 0`,
]

/** The string of a style, with the canary in it. */
function secretString(style: number, canary: string): string {
  return (wordsAround[style % wordsAround.length] ?? String)(canary)
}

/** JSON of a style: usually with the canary in it, sometimes content that cannot hold any. */
function secretJson(style: number, canary: string): unknown {
  const around: readonly (() => unknown)[] = [
    () => ({ note: canary }),
    () => canary,
    () => [canary, null, 1, true, [], {}, [[canary]]],
    () => ({ email: canary, name: { email: canary, notes: [{ body: canary }] }, encryptedKmsKey: canary }),
    () => ({ a: { b: { c: { d: { e: { f: { g: [{ h: canary }] } } } } } } }),
    () => ({
      big: 9007199254740991,
      negative: -9007199254740991,
      over: 9007199254740993,
      tiny: 5e-324,
      huge: 1e308,
      canary,
    }),
    () => ({ fraction: 0.1, whole: 1.0, exponent: 1e21, minusZero: -0, canary }),
    () => ({ '': canary, ' ': '', ключ: '👩‍👩‍👧‍👦', '\u0001': '\u001f', [canary]: canary }),
    () => ({ set: canary }),
    () => ({ at: new Date('2020-01-02T03:04:05.678Z'), canary }),
    () => ({ dropped: undefined, list: [{ dropped: undefined }, canary] }),
    () => ({ constructor: canary, toString: 1, hasOwnProperty: false }),
    () => ({ 2: canary, 10: canary, 1: canary, b: 0, a: 0 }),
    () => ({ text: `S0UBAA${canary}` }),
    () => ({ increment: 1, equals: canary, path: ['a'] }),
    () => 0,
    () => false,
    () => '',
    () => [],
    () => ({}),
  ]
  return (around[style % around.length] ?? String)()
}

/** Bytes of a style, with the canary's bytes in them. */
function secretBytes(style: number, canary: string): Uint8Array {
  const text = Buffer.from(canary)
  const around: readonly (() => Uint8Array)[] = [
    () => new Uint8Array(text),
    () => new Uint8Array([0, ...text, 0]),
    () => new Uint8Array([0x4b, 0x45, 1, 1, ...text]),
    () => new Uint8Array(Buffer.concat([Buffer.alloc(3_000, 0xff), text])),
    () => new Uint8Array([...text].map((byte) => byte)).subarray(0),
    () => new Uint8Array([0xff, 0xfe, ...text, 0xc3, 0x28]),
  ]
  return (around[style % around.length] ?? (() => new Uint8Array(text)))()
}

/** What a secret placeholder becomes; `canary` is new for each value and contains `token`,
 * which has at least 16 characters. */
export function secretValue(kind: SecretKind, style: number, canary: string, token: string): unknown {
  switch (kind) {
    case 'string':
      return secretString(style, canary)
    case 'short':
      return style % 2 === 0 ? canary : `ü${canary}👍`
    case 'json':
      return secretJson(style, canary)
    case 'bytes':
      return secretBytes(style, canary)
    default:
      return indexedValue(kind, style, canary, token)
  }
}
