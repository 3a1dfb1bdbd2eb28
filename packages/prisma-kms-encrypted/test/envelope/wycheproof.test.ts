/** Runs the cases of Project Wycheproof that match our parameters against the primitives as they are used here. */

import { createHmac, createSecretKey, hkdfSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { decryptGcm, encryptGcm } from '../../src/envelope/aes-gcm.js'
import { computeBlindIndex } from '../../src/envelope/blind-index.js'
import type { ValueType } from '../../src/envelope/field-format.js'

interface Vectors<Group> {
  testGroups: Group[]
}

interface Case {
  tcId: number
  comment: string
  result: 'valid' | 'invalid' | 'acceptable'
}

interface GcmGroup {
  ivSize: number
  keySize: number
  tagSize: number
  tests: (Case & { key: string; iv: string; aad: string; msg: string; ct: string; tag: string })[]
}

interface MacGroup {
  tagSize: number
  tests: (Case & { key: string; msg: string; tag: string })[]
}

interface HkdfGroup {
  tests: (Case & { ikm: string; salt: string; info: string; size: number; okm: string })[]
}

/** Files are trusted to have the shapes above; the counts of cases fail if they have not. */
function readGroups<Group>(file: string): Group[] {
  const url = new URL(`../vectors/wycheproof/${file}`, import.meta.url)
  return (JSON.parse(readFileSync(url, 'utf8')) as Vectors<Group>).testGroups
}

const hex = (text: string) => Buffer.from(text, 'hex')

describe('AES-256-GCM with a nonce of 12 bytes and a tag of 16', () => {
  const cases = readGroups<GcmGroup>('aes_gcm_test.json')
    .filter(({ ivSize, keySize, tagSize }) => ivSize === 96 && keySize === 256 && tagSize === 128)
    .flatMap(({ tests }) => tests)

  test('39 valid and 27 invalid cases match', () => {
    expect(cases.filter(({ result }) => result === 'valid').length).toBe(39)
    expect(cases.filter(({ result }) => result === 'invalid').length).toBe(27)
  })

  test.each(cases.map((vector) => [vector.tcId, vector.comment, vector] as const))(
    'case %d %s',
    (_, __, vector) => {
      const key = createSecretKey(hex(vector.key))
      const opened = decryptGcm(key, hex(vector.iv), hex(vector.aad), hex(vector.ct), hex(vector.tag))
      if (vector.result === 'valid') {
        expect(opened?.toString('hex')).toBe(vector.msg)
        const target = Buffer.alloc(3 + vector.ct.length / 2 + 16, 0xee)
        encryptGcm(key, hex(vector.iv), hex(vector.aad), hex(vector.msg), target, 3)
        expect(target.toString('hex')).toBe('eeeeee' + vector.ct + vector.tag)
      } else {
        expect(opened).toBeNull()
      }
    },
  )
})

describe('HMAC-SHA-256, through blind indexes of as many bits as the tag has', () => {
  const cases = readGroups<MacGroup>('hmac_sha256_test.json').flatMap(({ tagSize, tests }) =>
    tests
      .filter(({ msg }) => msg !== '')
      .map((vector) => [vector.tcId, vector.comment, tagSize, vector] as const),
  )

  test('114 cases have a message', () => {
    expect(cases.length).toBe(114)
  })

  test.each(cases)('case %d %s', (_, __, bits, vector) => {
    const message = hex(vector.msg)
    // The first byte of the message stands for the value type; the hash takes any.
    const index = computeBlindIndex(
      createSecretKey(hex(vector.key)),
      message.readUInt8(0) as ValueType,
      message.subarray(1),
      bits,
    )
    expect(index === hex(vector.tag).toString('base64')).toBe(vector.result === 'valid')
  })
})

describe('HMAC-SHA-512, as the data key is expanded', () => {
  const cases = readGroups<MacGroup>('hmac_sha512_test.json').flatMap(({ tagSize, tests }) =>
    tests.map((vector) => [vector.tcId, vector.comment, tagSize, vector] as const),
  )

  test.each(cases)('case %d %s', (_, __, bits, vector) => {
    const digest = createHmac('sha512', hex(vector.key)).update(hex(vector.msg)).digest('hex')
    expect(digest.slice(0, bits / 4) === vector.tag).toBe(vector.result === 'valid')
  })
})

describe('HKDF-SHA-256, as index keys are derived', () => {
  const cases = readGroups<HkdfGroup>('hkdf_sha256_test.json').flatMap(({ tests }) =>
    tests.map((vector) => [vector.tcId, vector.comment, vector] as const),
  )

  test.each(cases)('case %d %s', (_, __, vector) => {
    const derive = () =>
      Buffer.from(
        hkdfSync('sha256', hex(vector.ikm), hex(vector.salt), hex(vector.info), vector.size),
      ).toString('hex')
    if (vector.result === 'valid') expect(derive()).toBe(vector.okm)
    else expect(derive).toThrow()
  })
})
