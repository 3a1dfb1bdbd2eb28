import { createRandomPool } from '../../src/envelope/random-pool.js'
import { randomNonces } from '../../src/envelope/nonces.js'

/** Fills with a counter of 12 bytes, so that a byte used twice shows. */
function countingFill(): { fill: (target: Buffer) => void; draws: number[] } {
  let next = 0
  const draws: number[] = []
  return {
    draws,
    fill(target) {
      draws.push(target.length)
      for (let offset = 0; offset < target.length; offset += 12) target.writeUIntBE(next++, offset + 6, 6)
    },
  }
}

test('every piece is the next bytes of a draw, across many refills', () => {
  const { fill, draws } = countingFill()
  const pieces = createRandomPool(12, 1024, fill)
  for (let index = 0; index < 5000; index++) {
    const piece = pieces()
    expect(piece.length).toBe(12)
    expect(piece.readUIntBE(6, 6)).toBe(index)
  }
  expect(draws).toEqual([12_288, 12_288, 12_288, 12_288, 12_288])
})

test('a piece handed out keeps its bytes after the next draws', () => {
  const pieces = createRandomPool(12, 1024, countingFill().fill)
  const first = pieces()
  for (let index = 0; index < 4000; index++) pieces()
  expect(first.readUIntBE(6, 6)).toBe(0)
})

test('nothing is drawn before the first piece is needed', () => {
  const { fill, draws } = countingFill()
  createRandomPool(12, 1024, fill)
  expect(draws).toEqual([])
})

test('a draw that fails hands out nothing, then or later', () => {
  let broken = true
  const { fill } = countingFill()
  const pieces = createRandomPool(12, 1024, (target) => {
    if (broken) throw new Error('no entropy')
    fill(target)
  })
  expect(() => pieces()).toThrow('no entropy')
  expect(() => pieces()).toThrow('no entropy')
  broken = false
  expect(pieces().readUIntBE(6, 6)).toBe(0)
})

test("the process's own nonces do not repeat", () => {
  const seen = new Set(Array.from({ length: 20_000 }, () => randomNonces().toString('hex')))
  expect(seen.size).toBe(20_000)
})
