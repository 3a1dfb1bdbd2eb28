/** What planning data finds: values to seal, records to create, records to change, and where each stands in the arguments. */
import type { Args, OwnArgs } from './arguments.js'
import type { IndexKeys } from './index-keys.js'
import type { KeyGroup, RecordModel, SealedField } from './models.js'

/** A value to seal, and the place in the plan's own arguments where its ciphertext goes. */
export interface Slot {
  readonly field: SealedField
  readonly data: OwnArgs
  readonly value: unknown
}

/** One relation on the way from the root of an operation to a nested record. */
export interface PathStep {
  readonly relation: string
  readonly list: boolean
}

/** A record of an encrypted model that the operation creates, with the values to seal in each key group, if any. */
export interface NewRecord {
  readonly model: RecordModel
  /** The record's data in the plan's own arguments. */
  readonly data: OwnArgs
  readonly path: readonly PathStep[]
  readonly groups: ReadonlyMap<KeyGroup, readonly Slot[]>
  /** The nested upserts that decide whether it is created at all. */
  readonly branches: readonly Branch[]
  /** Whether the operation may succeed without creating it, as under `connectOrCreate` or `skipDuplicates`. */
  readonly optional: boolean
  /** Shared by the records of one list, of which Prisma wants all in the checked form or all in the unchecked one. */
  readonly list: object
  /**
   * Whether relation writes in its data may become foreign keys. Beside other writes of the same relation they may not:
   * Prisma creates records with relation writes after those, and others before.
   */
  readonly rewritable: boolean
}

/** New values for encrypted fields of a record that exists. */
export interface ChangedRecord {
  readonly model: RecordModel
  readonly data: OwnArgs
  /** Per key group the values to seal and the fields that become null. */
  readonly groups: ReadonlyMap<KeyGroup, GroupChange>
}

/** What a write does to one key group of one record. */
export interface GroupChange {
  readonly slots: readonly Slot[]
  readonly cleared: readonly SealedField[]
}

/** A change inside a nested write: which rows it is for, and where in the arguments it stands. */
export interface NestedChange {
  readonly changed: ChangedRecord
  /** Finds the rows in their own model, through their relations to the root record. */
  readonly filter: Args
  readonly site: ChangeSite
  readonly branches: readonly Branch[]
}

/** Where a nested change stands in the plan's own arguments. */
export interface ChangeSite {
  readonly verb: 'update' | 'updateMany' | 'upsert'
  /** The relation's nested writes, which placing changes. */
  readonly verbs: OwnArgs
  /** The same as the caller wrote them. */
  readonly given: Args
  /** This write among them: `{ where, data }`, or for upsert `{ where, create, update }`. */
  readonly item: OwnArgs
  /** Where it stands in the verb's list as the caller wrote it; 0 when it stands alone. */
  readonly at: number
  readonly list: boolean
  /** The nested writes on the way from the root down to this one, as the caller wrote them. */
  readonly above: readonly Args[]
  /** Whether a record on the way joins a relation on the way by the same data. */
  readonly joinsItself: boolean
}

/** One side of a nested upsert; which one is taken is known once its row has been looked for. */
export interface Branch {
  readonly item: OwnArgs
  readonly side: 'create' | 'update'
}

/** What walking data finds. */
export interface DataPlan {
  /** `null`: no model has an index. */
  readonly indexKeys: IndexKeys | null
  readonly created: NewRecord[]
  readonly nested: NestedChange[]
}

/** Where in the operation the walk stands. */
export interface DataScope {
  readonly path: readonly PathStep[]
  /** Finds the record that the data is for; `null`: it is being created. */
  readonly filter: Args | null
  readonly branches: readonly Branch[]
  /** Whether new records here may turn out not to be needed. */
  readonly optional: boolean
  /** Whether the data creates a record; `{ set }` and the like belong to updates only. */
  readonly creates: boolean
  /** The list that the data is an element of; `null`: it stands alone. */
  readonly list: object | null
  /** Whether a record on the way joins the relation that is being walked by this very data, as its own parent. */
  readonly joinsItself: boolean
  /** The nested writes on the way, as the caller wrote them. */
  readonly above: readonly Args[]
  /** See {@link NewRecord.rewritable}. */
  readonly rewritable: boolean
}
