/** Turns a description's arguments into real ones: first values that both sides share, then each side's own ids. */
import { Prisma } from '../generated/prisma/client.js'
import type { Side, SideIndex } from './clients.js'
import type { Placeholder, WherePlaceholder } from './descriptions.js'
import { fixtureModels, type ModelName } from './fixture-models.js'
import { Indexed, IndexedArguments } from './indexed-arguments.js'
import { isIndexedKind } from './indexed-values.js'
import type { KnownRow, KnownRows } from './known-rows.js'
import { secretValue } from './values.js'

/** A finished value inside shared arguments, such as JSON content, which may look like anything. */
class Literal {
  constructor(readonly value: unknown) {}
}

/** Makes values that never occurred before in this sequence. */
export class FreshValues {
  #count = 0

  /** @param token what every canary of the sequence contains */
  constructor(readonly token: string) {}

  make(placeholder: Placeholder): unknown {
    const number = ++this.#count
    if ('$fresh' in placeholder) {
      switch (placeholder.$fresh) {
        case 'text':
          return `fresh ${String(number).padStart(5, '0')}`
        case 'int':
          return number
        case 'uuid':
          return `00000000-0000-4000-9000-${String(number).padStart(12, '0')}`
        case 'id':
          return 1_500_000_000 + number
        case 'bigId':
          return 2n ** 53n + BigInt(number)
      }
    }
    if ('$secret' in placeholder) {
      return secretValue(placeholder.$secret, placeholder.style, `${this.token}-${number}`, this.token)
    }
    if ('$null' in placeholder) return placeholder.$null === 'JsonNull' ? Prisma.JsonNull : Prisma.DbNull
    return new Uint8Array()
  }
}

/** Replaces the placeholders whose values are the same on both sides. */
export function shareValues(node: unknown, fresh: FreshValues): unknown {
  if (Array.isArray(node)) return node.map((item) => shareValues(item, fresh))
  if (!isNode(node)) return node
  if ('$fresh' in node || '$secret' in node || '$null' in node || '$bytes' in node) {
    const kind = '$secret' in node ? String(node['$secret']) : '$null' in node ? String(node['$null']) : ''
    if (isIndexedKind(kind))
      return new Indexed('$null' in node ? null : String(fresh.make(node as unknown as Placeholder)))
    return new Literal(fresh.make(node as unknown as Placeholder))
  }
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, shareValues(value, fresh)]))
}

/** Replaces the placeholders for rows by one side's ids; every value is a copy of this side's own. */
export class SideArguments {
  readonly #known: KnownRows
  readonly #side: SideIndex
  readonly #indexed: IndexedArguments

  constructor(known: KnownRows, side: Side) {
    this.#known = known
    this.#side = side.index
    this.#indexed = new IndexedArguments(known, side)
  }

  /** @param current the record that the arguments are about, for relations */
  resolve(node: unknown, current?: KnownRow): unknown {
    if (node instanceof Literal) return copied(node.value)
    if (Array.isArray(node)) return node.map((item) => this.resolve(item, current))
    if (!isNode(node)) return node
    if ('$where' in node) return this.#where(node as unknown as WherePlaceholder, current)
    if ('$id' in node) return this.#id(node['$id'] as ModelName, Number(node['index']))
    if ('$valueOf' in node) {
      return this.#valueOf(node['$valueOf'] as ModelName, Number(node['index']), String(node['field']))
    }
    const { where } = node
    const named =
      isNode(where) && '$where' in where ? this.#pick(where as unknown as WherePlaceholder, current) : current
    return Object.fromEntries(
      Object.entries(node)
        .flatMap(([name, value]) => this.#indexed.entries(name, value))
        .map(([name, value]) => {
          if (name === 'create') return [name, this.resolve(value)]
          if (name === 'where') return [name, this.resolve(value, current)]
          const relation = named && fixtureModels[named.model].relations[name]
          const one = relation?.kind === 'toOne' || relation?.kind === 'reverseOne'
          return [name, this.resolve(value, one && named ? this.#known.related(named, name)[0] : named)]
        }),
    )
  }

  #pick(
    { $where: model, index, relation }: WherePlaceholder,
    current: KnownRow | undefined,
  ): KnownRow | undefined {
    if (index < 0) return undefined
    const near = relation !== undefined && current ? this.#known.related(current, relation) : []
    const rows = near.length > 0 && near[0]?.model === model ? near : this.#known.alive(model)
    return rows[index % rows.length]
  }

  #where(placeholder: WherePlaceholder, current: KnownRow | undefined): unknown {
    const { $where: model, by, also } = placeholder
    const row = this.#pick(placeholder, current)
    const more = also ? { AND: this.resolve(also, current) } : {}
    const indexed = by === undefined ? null : this.#indexed.where(by, row, placeholder.index)
    if (indexed) return { ...more, ...indexed }
    if (by !== undefined && fixtureModels[model].uniques.includes(by) && row?.values[by] !== null) {
      const value = row?.values[by]
      const target = Object.values(fixtureModels[model].relations).find(({ foreignKey }) => foreignKey === by)
      if (!target) return { ...more, [by]: value ?? 'missing' }
      return { ...more, [by]: this.#ofName(target.model, value) }
    }
    const id = this.#idOf(model, row)
    return { ...more, ...(fixtureModels[model].id === 'Compound' ? { orgId_userNo: id } : { id }) }
  }

  #ofName(model: ModelName, name: unknown): unknown {
    return this.#idOf(
      model,
      this.#known.alive(model).find((row) => row.name === name),
    )
  }

  #id(model: ModelName, index: number): unknown {
    return this.#idOf(model, this.#pick({ $where: model, index }, undefined))
  }

  #idOf(model: ModelName, row: KnownRow | undefined): unknown {
    const id = row?.ids[this.#side]
    switch (fixtureModels[model].id) {
      case 'Int':
        return id === undefined ? 2_000_000_001 : Number(id)
      case 'BigInt':
        return id === undefined ? 2n ** 60n + 1n : BigInt(id)
      case 'Uuid':
        return id ?? '00000000-0000-4000-8000-000000000001'
      case 'Compound': {
        const [orgId, userNo] = (id ?? '2000000001/1').split('/').map(Number)
        return { orgId, userNo }
      }
    }
  }

  #valueOf(model: ModelName, index: number, field: string): unknown {
    const row = this.#pick({ $where: model, index }, undefined)
    if (row) return row.values[field] ?? null
    return fixtureModels[model].markerType === 'int' ? -1 : 'none'
  }
}

function isNode(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null)
  )
}

/** Bytes and dates must not be shared: a client that changed its caller's memory would change both sides. */
function copied(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (value instanceof Date) return new Date(value)
  if (Array.isArray(value)) return value.map(copied)
  if (!isNode(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copied(inner)]))
}
