/** Rewrites a new record's relation writes so that Prisma's unchecked input, which takes an id, applies to it. */
import { isAbsent, isArgs, type Args } from '../records/arguments.js'
import type { RecordModel } from '../records/models.js'
import type { NewRecord } from '../records/data-plan.js'
import { delegateOf, type SideClient } from './prisma-internals.js'

/** A `connect` that can become a foreign key: `author: { connect: { id: 1 } }` → `authorId: 1`. */
interface Connection {
  readonly relation: string
  readonly parent: RecordModel
  readonly where: Args
  /** Foreign-key values by field of the new record. */
  readonly foreignKey: Args
}

/** How a record's relation writes can be turned into foreign keys. */
export interface Rewrite {
  readonly record: NewRecord
  readonly connections: readonly Connection[]
  /** Relations whose write says nothing, such as `author: {}`. */
  readonly empty: readonly string[]
}

/** Whether Prisma takes this data for its checked input: some relation whose foreign key is here has a write. */
export function isChecked(model: RecordModel, data: Args): boolean {
  return Object.entries(model.definition.relations).some(
    ([name, relation]) => relation.fields.length > 0 && !isAbsent(data[name]),
  )
}

/** The rewrite that makes the data unchecked; `null` when something in it has no equal there. */
export function planRewrite(record: NewRecord): Rewrite | null {
  const { model, data } = record
  if (!record.rewritable) return null
  const connections: Connection[] = []
  const empty: string[] = []
  for (const [name, relation] of Object.entries(model.definition.relations)) {
    if (relation.fields.length === 0 || isAbsent(data[name])) continue
    if (relation.fields.some((field) => !isAbsent(data[field]))) return null // Prisma refuses the mixture
    const verbs = data[name]
    if (!isArgs(verbs)) return null
    const used = Object.keys(verbs).filter((verb) => !isAbsent(verbs[verb]))
    const where = verbs['connect']
    const parent = model.relation(name)?.model
    if (used.length === 0 && !relation.required) empty.push(name)
    else if (used.length === 1 && isArgs(where) && parent && namesExactly(where, relation.references)) {
      const foreignKey = Object.fromEntries(
        relation.fields.map((field, index) => [field, where[relation.references[index] ?? '']]),
      )
      connections.push({ relation: name, parent, where, foreignKey })
    } else return null
  }
  // A foreign key beside relation writes is Prisma's error to report; unchecked input would accept it.
  return namesForeignKeys(record) ? null : { record, connections, empty }
}

function namesExactly(where: Args, references: readonly string[]): boolean {
  const given = Object.keys(where)
  return (
    given.length === references.length &&
    references.length === 1 && // a compound reference is named as one property, whose name Prisma chooses
    references.every((field) => ['string', 'number', 'bigint'].includes(typeof where[field]))
  )
}

/** Whether the data names a foreign key itself, which only unchecked input has. */
export function namesForeignKeys({ model, data }: NewRecord): boolean {
  return Object.values(model.definition.relations).some((relation) =>
    relation.fields.some((field) => !isAbsent(data[field])),
  )
}

/**
 * Applies rewrites, a list's all or none, if their parents all exist; a missing parent has to stay Prisma's P2025.
 * @param lists per list of records the rewrites that it needs
 * @returns the lists that are unchecked now
 */
export async function applyRewrites<List extends { readonly rewrites: readonly Rewrite[] }>(
  client: SideClient,
  lists: readonly List[],
): Promise<readonly List[]> {
  const found = await Promise.all(
    lists.map(async ({ rewrites }) => {
      // Reads of one tick are one statement (Prisma's dataloader).
      const parents = await Promise.all(
        rewrites
          .flatMap(({ connections }) => connections)
          .map(({ parent, where }) =>
            delegateOf(client, parent.delegate).findUnique({
              where,
              select: { [Object.keys(where)[0] ?? '']: true },
            }),
          ),
      )
      return parents.every((parent) => parent !== null)
    }),
  )
  const rewritten = lists.filter((_, index) => found[index])
  for (const { record, connections, empty } of rewritten.flatMap(({ rewrites }) => rewrites)) {
    for (const name of empty) Reflect.deleteProperty(record.data, name)
    for (const { relation, foreignKey } of connections) {
      Reflect.deleteProperty(record.data, relation)
      Object.assign(record.data, foreignKey)
    }
  }
  return rewritten
}
