/** Pairs every row with its twin: ids differ, so each record is known by the marker that both were created with. */
import type { DynamicClient, Side, SideIndex } from './clients.js'
import { fixtureModels, foreignKeysOf, modelNames, type ModelName } from './fixture-models.js'
import { isIndexedKind } from './indexed-values.js'
import { Difference } from './difference.js'

/** A record, on both sides. */
export interface KnownRow {
  readonly model: ModelName
  /** `User 3`: the third user of this sequence. */
  readonly name: string
  /** The ids as text, by side. */
  readonly ids: readonly [string, string]
  alive: boolean
  /** The marker, unique texts, and for each foreign key the name of the record that it refers to. */
  values: Readonly<Record<string, string | number | null>>
  /** The twin's values of fields that have a blind index. */
  indexed: Readonly<Record<string, string | null>>
}

type RawRow = Readonly<Record<string, string | number | null>>

/** What the tables of one side hold, apart from the encrypted fields. */
export interface Snapshot {
  readonly rows: ReadonlyMap<ModelName, readonly RawRow[]>
  /** Pairs of post and tag ids. */
  readonly postTags: readonly (readonly [string, string])[]
}

/** Reads ids, markers, unique fields and foreign keys of all tables in one statement. */
export async function takeSnapshot(client: DynamicClient, twins: boolean): Promise<Snapshot> {
  const found = await client.$queryRawUnsafe(snapshotSql(twins))
  const rows = new Map<ModelName, RawRow[]>(modelNames.map((name) => [name, []]))
  const postTags: (readonly [string, string])[] = []
  for (const { model, row } of found) {
    if (model === 'PostTag') postTags.push([String((row as RawRow)['a']), String((row as RawRow)['b'])])
    else rows.get(model as ModelName)?.push(row as RawRow) // as the statement below builds them
  }
  return { rows, postTags }
}

const indexedPrefix = 'indexed '

const statements = new Map<boolean, string>()

function snapshotSql(twins: boolean): string {
  const known = statements.get(twins)
  if (known !== undefined) return known
  const parts = modelNames.map((name) => {
    const { table, twinTable, schema, columns, id, marker, uniques, secrets } = fixtureModels[name]
    const indexed = Object.entries(secrets).flatMap(([field, { kind }]) =>
      isIndexedKind(kind) ? [field] : [],
    )
    const column = (field: string) => `"${columns[field] ?? field}"`
    const idSql = id === 'Compound' ? `"orgId" || '/' || "userNo"` : `${column('id')}::text`
    const fields = [marker, ...uniques, ...foreignKeysOf(name).map(({ field }) => field)]
    const pairs = [...new Set(fields)].map((field) => `'${field}', ${column(field)}`)
    if (twins) pairs.push(...indexed.map((field) => `'${indexedPrefix}${field}', ${column(field)}`))
    const from = `"${schema}"."${twins ? twinTable : table}"`
    return `SELECT '${name}' AS model, json_build_object('id', ${idSql}, ${pairs.join(', ')}) AS row FROM ${from}`
  })
  const join = twins ? '_PlainPostToPlainTag' : '_PostToTag'
  parts.push(`SELECT 'PostTag', json_build_object('a', "A"::text, 'b', "B"::text) FROM "public"."${join}"`)
  const sql = parts.join('\nUNION ALL\n')
  statements.set(twins, sql)
  return sql
}

/** All records that a sequence has made so far. */
export class KnownRows {
  readonly #rows = new Map<ModelName, KnownRow[]>(modelNames.map((name) => [name, []]))
  readonly #byId: readonly [Map<string, KnownRow>, Map<string, KnownRow>] = [new Map(), new Map()]
  #postTags: ReadonlySet<string> = new Set()

  /** Records that exist now, in the order in which they were made. */
  alive(model: ModelName): readonly KnownRow[] {
    return (this.#rows.get(model) ?? []).filter((row) => row.alive)
  }

  /** The record with this id, also one that was deleted. */
  byId(side: SideIndex, model: ModelName, id: string): KnownRow | undefined {
    return this.#byId[side].get(`${model} ${id}`)
  }

  /** Records that `row` reaches through a relation. */
  related(row: KnownRow, relation: string): readonly KnownRow[] {
    const found = fixtureModels[row.model].relations[relation]
    if (!found) return []
    const all = this.alive(found.model)
    if (found.kind === 'toOne') return all.filter(({ name }) => name === row.values[found.foreignKey ?? ''])
    if (found.kind === 'manyToMany') {
      return all.filter(({ name }) => this.#postTags.has([row.name, name].sort().join(' - ')))
    }
    return all.filter(({ values }) => values[found.foreignKey ?? ''] === row.name)
  }

  /**
   * Learns what both sides hold now.
   * @throws Difference when they do not hold the same records
   */
  learn(snapshots: readonly [Snapshot, Snapshot]): void {
    for (const model of modelNames) this.#pair(model, snapshots)
    for (const model of modelNames) this.#compareValues(model, snapshots)
    const [mine, theirs] = ([0, 1] as const).map((side) =>
      snapshots[side].postTags.map(([post, tag]) =>
        [this.#nameOf(side, 'Post', post), this.#nameOf(side, 'Tag', tag)].sort().join(' - '),
      ),
    )
    if (mine?.sort().join() !== theirs?.sort().join())
      throw new Difference('posts have other tags', mine, theirs)
    this.#postTags = new Set(mine)
  }

  #pair(model: ModelName, snapshots: readonly [Snapshot, Snapshot]): void {
    const { marker } = fixtureModels[model]
    const markerOf = (row: RawRow) =>
      typeof row[marker] === 'number' ? row[marker] % 1_000_000 : row[marker]
    const newIds = (side: SideIndex) =>
      new Map(
        (snapshots[side].rows.get(model) ?? [])
          .filter((row) => !this.byId(side, model, String(row['id'])))
          .map((row) => [markerOf(row), String(row['id'])]),
      )
    const mine = newIds(0)
    const theirs = newIds(1)
    const known = this.#rows.get(model) ?? []
    for (const [value, id] of mine) {
      const twin = theirs.get(value)
      if (twin === undefined) throw new Difference(`only this side has a new ${model}`, value, undefined)
      const row: KnownRow = {
        model,
        name: `${model} ${known.length + 1}`,
        ids: [id, twin],
        alive: true,
        values: {},
        indexed: {},
      }
      known.push(row)
      this.#byId[0].set(`${model} ${id}`, row)
      this.#byId[1].set(`${model} ${twin}`, row)
    }
    for (const value of theirs.keys()) {
      if (!mine.has(value)) throw new Difference(`only plain Prisma has a new ${model}`, undefined, value)
    }
    const present = ([0, 1] as const).map(
      (side) => new Set((snapshots[side].rows.get(model) ?? []).map((row) => String(row['id']))),
    )
    for (const row of known) {
      const [here, there] = row.ids.map((id, side) => present[side]?.has(id))
      if (here !== there) throw new Difference(`${row.name} exists on one side only`, here, there)
      row.alive = here === true
    }
  }

  #compareValues(model: ModelName, snapshots: readonly [Snapshot, Snapshot]): void {
    const targets = new Map(foreignKeysOf(model).map(({ field, target }) => [field, target]))
    const named = ([0, 1] as const).map(
      (side) =>
        new Map(
          (snapshots[side].rows.get(model) ?? []).map((row) => {
            const values = Object.entries(row).flatMap(([field, value]) => {
              const target = targets.get(field)
              if (field === 'id' || field.startsWith(indexedPrefix)) return []
              return [
                [
                  field,
                  target && value !== null ? this.#nameOf(side, target, String(value)) : value,
                ] as const,
              ]
            })
            return [this.#nameOf(side, model, String(row['id'])), Object.fromEntries(values)]
          }),
        ),
    )
    for (const row of this.alive(model)) {
      const [mine, theirs] = named.map((all) => all.get(row.name))
      if (JSON.stringify(mine) !== JSON.stringify(theirs)) {
        throw new Difference(`plain columns of ${row.name} differ`, mine, theirs)
      }
      row.values = mine ?? {}
    }
    for (const raw of snapshots[1].rows.get(model) ?? []) {
      const row = this.byId(1, model, String(raw['id']))
      const found = Object.entries(raw).filter(([field]) => field.startsWith(indexedPrefix))
      if (row)
        row.indexed = Object.fromEntries(
          found.map(([field, value]) => [field.slice(indexedPrefix.length), value as string | null]),
        )
    }
  }

  #nameOf(side: SideIndex, model: ModelName, id: string): string {
    return this.byId(side, model, id)?.name ?? `${model} ?`
  }
}

/** Reads both sides and learns. */
export async function learn(
  known: KnownRows,
  sides: readonly [Side, Side],
  clients: readonly [DynamicClient, DynamicClient],
): Promise<void> {
  const mine = await takeSnapshot(clients[0], sides[0].twins)
  const theirs = await takeSnapshot(clients[1], sides[1].twins)
  known.learn([mine, theirs])
}
