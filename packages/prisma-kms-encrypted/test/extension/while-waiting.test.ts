import { setTimeout as sleep } from 'node:timers/promises'
import { whileWaiting } from '../../src/extension/while-waiting.js'

test('work is done while an answer is on its way', async () => {
  const happened: string[] = []
  const answer = sleep(20).then(() => happened.push('answer'))
  await whileWaiting(answer, () => Promise.resolve(happened.push('work')))
  expect(happened).toEqual(['work', 'answer'])
})

test('gives both results', async () => {
  const both = await whileWaiting(Promise.resolve('ids'), () => Promise.resolve('sealed'))
  expect(both).toEqual(['ids', 'sealed'])
})

test('what is at hand is not waited for: work begins in the same turn', async () => {
  let worked = false
  const both = whileWaiting('ids', () => Promise.resolve((worked = true)))
  expect(worked).toBe(true)
  expect(await both).toEqual(['ids', true])
})

test('what has failed already begins no work', async () => {
  let worked = false
  const work = () => Promise.resolve((worked = true))
  await expect(whileWaiting(Promise.reject(new Error('refused')), work)).rejects.toThrow('refused')
  expect(worked).toBe(false)
})

test('work that fails waits for the answer, so that nothing goes on behind it', async () => {
  let answered = false
  const answer = sleep(20).then(() => (answered = true))
  await expect(whileWaiting(answer, () => Promise.reject(new Error('invalid')))).rejects.toThrow('invalid')
  expect(answered).toBe(true)
})

test('where both fail, the answer is reported', async () => {
  const answer = sleep(20).then(() => Promise.reject(new Error('refused')))
  await expect(whileWaiting(answer, () => Promise.reject(new Error('invalid')))).rejects.toThrow('refused')
})
