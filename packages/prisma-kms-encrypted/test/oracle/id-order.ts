/** Tells whether the ids that Prisma gives to a call's new records follow the order of its data. */

type Args = Readonly<Record<string, unknown>>

const creating = new Set(['create', 'createMany', 'connectOrCreate', 'upsert'])

/**
 * With several nested creates Prisma has an order of its own (the elements of a list that have no relation writes go
 * first and together, verbs go one after another), on which nobody can rely. A flat list, or one nested list of
 * simple records, is inserted as given.
 */
export function idsFollowData(args: object): boolean {
  const data: unknown = 'data' in args ? args.data : undefined
  return 'data' in args && countCreates(data) <= 1 && !hasMixedList(data)
}

function countCreates(node: unknown): number {
  if (Array.isArray(node)) return node.reduce<number>((sum, item) => sum + countCreates(item), 0)
  if (!isArgs(node)) return 0
  return Object.entries(node).reduce(
    (sum, [name, value]) => sum + (creating.has(name) ? 1 : 0) + countCreates(value),
    0,
  )
}

/** A list of which only some elements connect to others. */
function hasMixedList(node: unknown): boolean {
  if (Array.isArray(node)) return new Set(node.map(verbsOf)).size > 1 || node.some(hasMixedList)
  return isArgs(node) && Object.values(node).some(hasMixedList)
}

function verbsOf(data: unknown): string {
  if (!isArgs(data)) return ''
  return Object.values(data)
    .flatMap((value) => (isArgs(value) ? Object.keys(value).filter((name) => !name.startsWith('$')) : []))
    .sort()
    .join()
}

function isArgs(value: unknown): value is Args {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}
