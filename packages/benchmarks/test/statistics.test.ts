/** The arithmetic behind the figures. */
import { estimate, median, quantile, smallest } from '../src/measuring/statistics.js'
import { measureRounds } from '../src/measuring/rounds.js'
import { isMet } from '../src/targets.js'

const estimated = { quartiles: [0, 0], rounds: 15, byCpuTime: null } as const

describe('estimates', () => {
  it('takes the figure of the medians, so that one bad round changes nothing', () => {
    const ours = [20, 20, 20, 20, 900]
    const plain = [10, 10, 500, 10, 10]
    const { value, rounds } = estimate({ ours, plain }, (ms) => ms.ours / ms.plain)
    expect(value).toBe(2)
    expect(rounds).toBe(5)
  })

  it('gives an interval that holds the value and narrows with more rounds', () => {
    const noisy = (count: number) => Array.from({ length: count }, (_, index) => 100 + ((index * 37) % 41))
    const few = estimate({ noisy: noisy(15) }, (ms) => ms.noisy)
    const many = estimate({ noisy: noisy(400) }, (ms) => ms.noisy)
    expect(few.low).toBeLessThanOrEqual(few.value)
    expect(few.high).toBeGreaterThanOrEqual(few.value)
    expect(many.high - many.low).toBeLessThan(few.high - few.low)
  })

  it('resamples rounds whole: what slows all ways of a round alike does not widen the interval', () => {
    const plain = [10, 20, 40, 10, 30, 15, 25]
    const { low, high } = estimate({ plain, ours: plain.map((ms) => ms * 3) }, (ms) => ms.ours / ms.plain)
    expect([low, high]).toEqual([3, 3])
  })

  it('interpolates between samples', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(quantile([1, 2, 3, 4, 5], 0.25)).toBe(2)
    expect(smallest([3, 1, 2])).toBe(1)
  })

  it('refuses to estimate from nothing', () => {
    expect(() => estimate({ none: [] }, (ms) => ms.none)).toThrow(RangeError)
  })
})

describe('rounds', () => {
  it('turns the order in every second round, and counts neither warm-ups nor resets', async () => {
    const order: string[] = []
    const way = (name: string) => ({
      run: () => Promise.resolve(order.push(name)),
      reset: () => Promise.resolve(order.push(name.toLowerCase())),
    })
    const { wallMs, cpuMs } = await measureRounds(
      { a: way('A'), b: way('B') },
      { least: 2, budgetMs: 0, warmUps: 2 },
    )
    expect(order.join('')).toBe('AaBbBbAaAaBbBbAa')
    expect(wallMs.a).toHaveLength(2)
    expect(cpuMs.b).toHaveLength(2)
  })

  it('collects garbage before each sample, at nobody’s cost, or at the end of the sample that left it', async () => {
    const given = globalThis.gc
    const order: string[] = []
    globalThis.gc = (() => order.push('gc')) as unknown as typeof given // nobody looks at what it gives
    const way = {
      run: () => Promise.resolve(order.push('run')),
      reset: () => Promise.resolve(order.push('reset')),
    }
    const once = { least: 1, budgetMs: 0, warmUps: 0 }
    try {
      await measureRounds({ way }, once)
      await measureRounds({ way }, once, 'itself')
    } finally {
      globalThis.gc = given
    }
    expect(order).toEqual(['gc', 'run', 'reset', 'run', 'gc', 'reset'])
  })
})

describe('targets', () => {
  it('counts an upper bound as met when the interval reaches it and the value is not too far off', () => {
    expect(isMet('readWarmVsFloor', { ...estimated, value: 1.3, low: 1.2, high: 1.4 })).toBe(true)
    expect(isMet('readWarmVsFloor', { ...estimated, value: 1.3, low: 1.26, high: 1.4 })).toBe(false)
    expect(isMet('readWarmVsFloor', { ...estimated, value: 1.6, low: 1, high: 2 })).toBe(false)
  })

  it('counts a lower bound the other way round', () => {
    expect(isMet('readColdVsSequential', { ...estimated, value: 28, low: 26, high: 30 })).toBe(true)
    expect(isMet('readColdVsSequential', { ...estimated, value: 28, low: 26, high: 29 })).toBe(false)
    expect(isMet('readColdVsSequential', { ...estimated, value: 20, low: 10, high: 40 })).toBe(false)
  })
})
