import { createExpiries } from '../../src/kms/expiries.js'

const { jest } = import.meta

function setUp(lifeMs = 100) {
  let nowMs = 0
  const ended: string[] = []
  const expiries = createExpiries(
    lifeMs,
    () => nowMs,
    (name) => ended.push(`${name} at ${nowMs}`),
  )
  return {
    expiries,
    ended,
    /** @param timersMs time that passes for timers, when that is another than for the clock */
    pass: (ms: number, timersMs = ms): void => {
      nowMs += ms
      jest.advanceTimersByTime(timersMs)
    },
  }
}

beforeEach(() => {
  jest.useFakeTimers()
})

afterEach(() => {
  jest.useRealTimers()
})

test('each name ends when its own time is over, with one timer for all', () => {
  const { expiries, ended, pass } = setUp()
  expiries.add('a')
  pass(40)
  expiries.add('b')
  expect(jest.getTimerCount()).toBe(1)
  pass(60)
  pass(40)
  expect(ended).toEqual(['a at 100', 'b at 140'])
  expect(jest.getTimerCount()).toBe(0)
})

test('a timer that fires too soon is set again', () => {
  const { expiries, ended, pass } = setUp()
  expiries.add('a')
  pass(90, 100)
  expect(ended).toEqual([])
  pass(10)
  expect(ended).toEqual(['a at 100'])
})

test('a name that is added again lives anew, and one that is removed does not end', () => {
  const { expiries, ended, pass } = setUp()
  expiries.add('a')
  expiries.add('b')
  pass(50)
  expiries.add('a')
  expiries.remove('b')
  pass(50)
  expect(ended).toEqual([])
  pass(50)
  expect(ended).toEqual(['a at 150'])
})

test('a life longer than timers reach does not end at once', () => {
  const { expiries, ended, pass } = setUp(2 ** 32)
  expiries.add('a')
  pass(2 ** 31 - 1)
  expect(ended).toEqual([])
  pass(2 ** 31 + 1)
  expect(ended).toEqual([`a at ${2 ** 32}`])
})
