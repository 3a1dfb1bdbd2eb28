import fc from 'fast-check'
import { inspect } from 'node:util'
import {
  entryFor,
  formatKeyColumn,
  type KeyEntry,
  MAX_KEY_COLUMN_CHARACTERS,
  parseKeyColumn,
} from '../../src/envelope/key-column.js'
import { KmsEncryptedError } from '../../src/errors.js'
import { codeOf, failureOf } from './failure.js'

const where = 'User.encryptedKmsKey'
const labelA = Buffer.alloc(16, 0xa0)
const labelB = Buffer.alloc(16, 0xb0)
const labelTextA = labelA.toString('base64url')
const labelTextB = labelB.toString('base64url')

function entry(version: number, ciphertext: string, commitment: Buffer | null): KeyEntry {
  return { version, ciphertext: Buffer.from(ciphertext), commitment }
}

const keyEntries = fc.uniqueArray(
  fc.record({
    version: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    ciphertext: fc.uint8Array({ minLength: 1, maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
    commitment: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  }),
  { minLength: 1, maxLength: 5, selector: ({ commitment }) => commitment.toString('hex') },
)

test('one entry is written without its label, as kms_encrypted does', () => {
  expect(formatKeyColumn([entry(1, 'wrapped', labelA)])).toBe('v1:d3JhcHBlZA==')
  expect(parseKeyColumn('v1:d3JhcHBlZA==', where)).toEqual([entry(1, 'wrapped', null)])
})

test('several entries are written with their labels, in the given order', () => {
  const entries = [entry(2, 'newer', labelB), entry(1, 'older', labelA)]
  const text = formatKeyColumn(entries)
  expect(text).toBe(`v2:bmV3ZXI=.${labelTextB} v1:b2xkZXI=.${labelTextA}`)
  expect(parseKeyColumn(text, where)).toEqual(entries)
})

test('entries may share a version and a wrapped key, but no label', () => {
  const entries = [entry(1, 'same', labelA), entry(1, 'same', labelB)]
  expect(parseKeyColumn(formatKeyColumn(entries), where)).toEqual(entries)
  expect(codeOf(() => formatKeyColumn([entry(1, 'x', labelA), entry(2, 'y', Buffer.from(labelA))]))).toBe(
    'INVALID_KEY_COLUMN',
  )
})

test.each([
  ['nothing', ''],
  ['no version', 'd3JhcHBlZA=='],
  ['no wrapped key', 'v1:'],
  ['version 0', 'v0:AAAA'],
  ['a leading zero', 'v01:AAAA'],
  ['a sign', 'v+1:AAAA'],
  ['a version that is no decimal integer', 'v1.0:AAAA'],
  ['a version in other digits', 'v١:AAAA'],
  ['a version beyond safe integers', 'v9007199254740992:AAAA'],
  ['a capital V', 'V1:AAAA'],
  ['a space in front', ' v1:AAAA'],
  ['a space behind', 'v1:AAAA '],
  ['a line break behind', 'v1:AAAA\n'],
  ['a space inside', 'v1: AAAA'],
  ['missing padding', 'v1:/w='],
  ['the URL alphabet', 'v1:-_-_'],
  ['unused bits that are not zero', 'v1:/x=='],
  ['a lone entry with a label', `v1:AAAA.${labelTextA}`],
  ['several entries without labels', 'v2:AAAA v1:AAAA'],
  ['an entry without label among others', `v2:AAAA.${labelTextA} v1:AAAA`],
  ['the same label twice', `v2:AAAA.${labelTextA} v1:AAAB.${labelTextA}`],
  ['two spaces', `v2:AAAA.${labelTextA}  v1:AAAA.${labelTextB}`],
  ['a tab', `v2:AAAA.${labelTextA}\tv1:AAAA.${labelTextB}`],
  ['a padded label', `v2:AAAA.${labelTextA}== v1:AAAA.${labelTextB}`],
  ['a short label', `v2:AAAA.${labelTextA.slice(0, 20)} v1:AAAA.${labelTextB}`],
  ['a long label', `v2:AAAA.${labelTextA}AA v1:AAAA.${labelTextB}`],
  ['an empty label', `v2:AAAA. v1:AAAA.${labelTextB}`],
  ['two labels', `v2:AAAA.${labelTextA}.${labelTextA} v1:AAAA.${labelTextB}`],
])('a column with %s is refused', (_, text) => {
  const error = failureOf(() => parseKeyColumn(text, where))
  expect(error.code).toBe('INVALID_KEY_COLUMN')
  expect(error.message).toContain(where)
})

test.each<[string, readonly KeyEntry[]]>([
  ['no entries', []],
  ['version 0', [entry(0, 'x', null)]],
  ['a fraction as version', [entry(1.5, 'x', null)]],
  ['an unsafe version', [entry(2 ** 53, 'x', null)]],
  ['an empty wrapped key', [entry(1, '', null)]],
  ['several entries and a missing label', [entry(2, 'x', labelA), entry(1, 'y', null)]],
  ['a label of another length', [entry(2, 'x', labelA), entry(1, 'y', Buffer.alloc(15))]],
])('%s cannot be written', (_, entries) => {
  expect(codeOf(() => formatKeyColumn(entries))).toBe('INVALID_KEY_COLUMN')
})

test('a column of more than 64 KiB is neither read nor written', () => {
  const largest = { version: 1, ciphertext: Buffer.alloc(49_149), commitment: null }
  const text = formatKeyColumn([largest])
  expect(text.length).toBe(MAX_KEY_COLUMN_CHARACTERS - 1)
  expect(parseKeyColumn(text, where)).toEqual([largest])
  expect(codeOf(() => formatKeyColumn([{ ...largest, ciphertext: Buffer.alloc(49_150) }]))).toBe(
    'INVALID_KEY_COLUMN',
  )
  expect(codeOf(() => parseKeyColumn(`v1:${Buffer.alloc(49_152).toString('base64')}`, where))).toBe(
    'INVALID_KEY_COLUMN',
  )
})

test('errors show no wrapped key', () => {
  const error = failureOf(() => parseKeyColumn('v1:c2VjcmV0!', where))
  expect(inspect(error, { depth: 10 })).not.toContain('c2VjcmV0')
})

test('a lone entry without label serves any commitment', () => {
  const lone = parseKeyColumn('v1:AAAA', where)
  expect(entryFor(lone, labelA)).toBe(lone[0])
})

test('of several entries, only the labelled one serves its commitment', () => {
  const entries = [entry(2, 'newer', labelB), entry(1, 'older', labelA)]
  expect(entryFor(entries, labelA)).toBe(entries[1])
  expect(entryFor(entries, Buffer.from(labelB))).toBe(entries[0])
  expect(entryFor(entries, Buffer.alloc(16))).toBeNull()
  expect(entryFor([], labelA)).toBeNull()
})

test('what is written is read back', () => {
  fc.assert(
    fc.property(keyEntries, (entries) => {
      const parsed = parseKeyColumn(formatKeyColumn(entries), where)
      expect(parsed).toEqual(
        entries.length === 1 ? entries.map((one) => ({ ...one, commitment: null })) : entries,
      )
    }),
  )
})

test('a changed column is refused or has exactly the changed text', () => {
  const alphabet = fc.constantFrom(...'v:. =+/-_09AZaz\n\t\u00a0é'.split(''), '')
  fc.assert(
    fc.property(keyEntries, fc.nat(), fc.nat({ max: 3 }), alphabet, (entries, at, removed, inserted) => {
      const text = formatKeyColumn(entries)
      const position = at % (text.length + 1)
      const changed = text.slice(0, position) + inserted + text.slice(position + removed)
      let parsed: readonly KeyEntry[]
      try {
        parsed = parseKeyColumn(changed, where)
      } catch (error) {
        expect(error).toBeInstanceOf(KmsEncryptedError)
        return
      }
      expect(formatKeyColumn(parsed)).toBe(changed)
    }),
    { numRuns: 2000 },
  )
})

test('any text is refused or canonical', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^v[0-9]{1,3}:[A-Za-z0-9+/=]{0,8}(\.[A-Za-z0-9_-]{21,23})?$/), (text) => {
      try {
        expect(formatKeyColumn(parseKeyColumn(text, where))).toBe(text)
      } catch (error) {
        if (!(error instanceof KmsEncryptedError)) throw error
      }
    }),
    { numRuns: 1000 },
  )
})
