import { getEventListeners } from 'node:events'
import { checkCall, withinCall } from '../../src/kms/call.js'
import { callWithin, Interruption, isAborted, onAbort } from '../../src/kms/interruption.js'
import { codeOf } from './code-of.js'
import { createFakeTiming, settle } from './fake-timing.js'

const place = { provider: 'aws', keyId: 'alias/app', operation: 'wrap' } as const
const never = () => new Promise<never>(() => undefined)

test('a call that is over is refused at once', () => {
  const timing = createFakeTiming()
  expect(
    codeOf(() => {
      checkCall({ signal: AbortSignal.abort() }, place)
    }),
  ).toBe('KMS_ABORTED')
  expect(
    codeOf(() => {
      checkCall({ deadlineMs: timing.now() }, place, timing.now)
    }),
  ).toBe('KMS_TIMEOUT')
  checkCall({ deadlineMs: timing.now() + 1 }, place, timing.now)
})

test('the deadline ends the wait and fires the signal', async () => {
  const timing = createFakeTiming()
  let given: AbortSignal | undefined
  const pending = withinCall(
    { deadlineMs: timing.now() + 100 },
    place,
    ({ signal }) => {
      given = signal
      return never()
    },
    { timing },
  )
  const refused = expect(pending).rejects.toMatchObject({ code: 'KMS_TIMEOUT' })
  await timing.advance(99)
  expect(given?.aborted).toBe(false)
  await timing.advance(1)
  await refused
  expect(given?.aborted).toBe(true)
})

test('a deadline beyond the reach of timers is none', async () => {
  const pending = withinCall({ deadlineMs: Number.MAX_SAFE_INTEGER }, place, async () => {
    await settle()
    return 'done'
  })
  await expect(pending).resolves.toBe('done')
})

test('one signal serves many calls without a warning, and keeps no listener afterwards', async () => {
  const warnings: unknown[] = []
  const note = (warning: unknown): void => {
    warnings.push(warning)
  }
  process.on('warning', note)
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: 200 }, () => withinCall({ signal }, place, settle)))
  await settle()
  process.off('warning', note)
  expect(warnings).toEqual([])
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
})

test('whatever never ends keeps no listener once its call is over', async () => {
  const controller = new AbortController()
  const pending = withinCall({ signal: controller.signal, deadlineMs: Date.now() + 60_000 }, place, never)
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
  controller.abort()
  await expect(pending).rejects.toMatchObject({ code: 'KMS_ABORTED' })
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
})

test('nothing begins once the deadline that stands for the own one is over', async () => {
  const timing = createFakeTiming()
  let begun = false
  const action = () => Promise.resolve((begun = true))
  const pending = withinCall({}, place, action, { deadlineMs: timing.now(), timing })
  await expect(pending).rejects.toMatchObject({ code: 'KMS_TIMEOUT' })
  expect(begun).toBe(false)
})

test('an action that throws at once is a rejection, and leaves no timer', async () => {
  const timing = createFakeTiming()
  const stopped: number[] = []
  const after = (ms: number) => () => stopped.push(ms)
  const pending = withinCall(
    {},
    place,
    () => {
      throw new RangeError('at once')
    },
    { deadlineMs: timing.now() + 100, timing: { ...timing, after } },
  )
  await expect(pending).rejects.toThrow(RangeError)
  expect(stopped).toEqual([100])
})

test('a signal that is asked for after the end has fired already', () => {
  const interruption = new Interruption()
  const call = callWithin(interruption)
  const { signal } = callWithin(interruption)
  expect(signal?.aborted).toBe(false)
  interruption.end()
  expect(signal?.aborted).toBe(true)
  expect(call.signal?.aborted).toBe(true)
  expect({ ...call }.signal?.aborted).toBe(true)
})

test('a copy of a call with a signal of its own is ended by that signal', () => {
  const interruption = new Interruption()
  const own = new AbortController()
  const copy = { ...callWithin(interruption), signal: own.signal }
  let heard = 0
  onAbort(copy, () => (heard += 1))
  interruption.end()
  expect([isAborted(copy), heard]).toEqual([false, 0])
  own.abort()
  expect([isAborted(copy), heard]).toEqual([true, 1])
})
