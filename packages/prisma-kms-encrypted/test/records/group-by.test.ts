import { groupBy } from '../../src/records/group-by.js'

test('groups and their items keep the order in which they come', () => {
  const groups = groupBy(['b1', 'a1', 'b2', 'a2'], (item) => item.charAt(0))
  expect([...groups]).toEqual([
    ['b', ['b1', 'b2']],
    ['a', ['a1', 'a2']],
  ])
})

test('a hundred thousand items of one group take no time that grows with its square', () => {
  const items = Array.from({ length: 100_000 }, (_, index) => index)
  expect(groupBy(items, () => 'all').get('all')).toEqual(items)
})
