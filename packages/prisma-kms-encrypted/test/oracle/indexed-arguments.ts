/** Fields with a blind index in arguments: the twin is written and searched by normal forms in columns of its own. */
import type { Side } from './clients.js'
import type { IndexedKind } from './fixture-models.js'
import { indexColumns, isIndexedKind, normalForm, spelled } from './indexed-values.js'
import type { KnownRow, KnownRows } from './known-rows.js'

type Args = Readonly<Record<string, unknown>>

/** A finished value of a field with a blind index. */
export class Indexed {
  constructor(readonly value: string | null) {}
}

/** Resolves what has to do with indexed fields, for one side. */
export class IndexedArguments {
  readonly #known: KnownRows
  readonly #side: Side

  constructor(known: KnownRows, side: Side) {
    this.#known = known
    this.#side = side
  }

  /** What stands for a property: in data the twin has the index column besides, in conditions instead. */
  entries(name: string, value: unknown): [string, unknown][] {
    if (!isIndexedKind(name)) return [[name, value]]
    const column = indexColumns[name]
    if (isArgs(value) && '$search' in value) {
      const condition = this.#plain(value['$search'])
      if (!this.#side.fillsIndexes) return [[name, condition]]
      return [[column, mapTexts(condition, (text) => normalForm(name, text))]]
    }
    const given = isArgs(value) && 'set' in value ? value['set'] : value
    if (!(given instanceof Indexed) && !(isArgs(given) && '$valueOf' in given)) return [[name, value]]
    const plain = this.#plain(given)
    const inForm = (one: unknown) => (given === value ? one : { set: one })
    if (!this.#side.fillsIndexes) return [[name, inForm(plain)]]
    return [
      [name, inForm(plain)],
      [column, inForm(normalForm(name, plain))],
    ]
  }

  /** A unique condition through blind indexes; `null` when `by` has none, or the record no value there. */
  where(by: string, row: KnownRow | undefined, style: number): Args | null {
    const [first = '', second] = by.split('_')
    const field = second ?? first
    if (!isIndexedKind(field)) return null
    const value = row ? row.indexed[field] : 'none'
    if (typeof value !== 'string') return null
    const named = !this.#side.fillsIndexes
      ? { [field]: spelled(field, value, Math.max(style, 0)) }
      : { [indexColumns[field]]: normalForm(field, value) }
    if (second === undefined) return named
    if (row?.values[first] === null) return null
    const org = this.#known.alive('Org').find(({ name }) => name === row?.values[first])
    const compound = { [first]: org ? Number(org.ids[this.#side.index]) : 2_000_000_001, ...named }
    return { [!this.#side.fillsIndexes ? by : `${first}_${indexColumns[field]}`]: compound }
  }

  /** The values themselves, wherever they stand. */
  #plain(node: unknown): unknown {
    if (node instanceof Indexed) return node.value
    if (Array.isArray(node)) return node.map((item) => this.#plain(item))
    if (!isArgs(node)) return node
    if ('$valueOf' in node) {
      const { index, field, style } = node
      const kind = String(field) as IndexedKind // the generators name indexed fields only
      const rows = this.#known.alive('Account')
      const value = rows[Math.max(Number(index), 0) % rows.length]?.indexed[kind]
      return typeof value === 'string' ? spelled(kind, value, Number(style)) : 'none'
    }
    return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, this.#plain(value)]))
  }
}

/** Every text in a condition, changed. */
function mapTexts(node: unknown, change: (text: string) => unknown): unknown {
  if (typeof node === 'string') return change(node)
  if (Array.isArray(node)) return node.map((item) => mapTexts(item, change))
  if (!isArgs(node)) return node
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, mapTexts(value, change)]))
}

function isArgs(value: unknown): value is Args {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
