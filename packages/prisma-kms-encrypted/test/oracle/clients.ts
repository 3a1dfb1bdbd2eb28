/** Prisma clients as the oracle calls them: by name, with plain argument objects. */
import type { ModelName } from './fixture-models.js'

/** One model's operations. */
export type Delegate = Readonly<Record<string, (args: object) => PrismaPromise>>

/** Prisma's lazy promise; relations of a single result can be called on it. */
export type PrismaPromise = Promise<unknown> & Readonly<Record<string, (args: object) => PrismaPromise>>

/** The generated types cannot describe arguments that are only known at run time. */
export interface DynamicClient {
  readonly [delegate: string]: unknown
  $transaction(work: unknown, options?: object): Promise<unknown>
  $extends(extension: object): DynamicClient
  $queryRawUnsafe(sql: string): Promise<Record<string, unknown>[]>
}

/** The two sides of a comparison: 0 is under test, 1 is the oracle. */
export type SideIndex = 0 | 1

/** A client, and the set of models that it is used with. */
export interface Side {
  readonly index: SideIndex
  readonly client: DynamicClient
  /** Whether it works on the twins. */
  readonly twins: boolean
  /** Whether index columns are filled and searched by the test, since no extension does it. */
  readonly fillsIndexes: boolean
}

/** The delegate of a model or of its twin: `user`, `plainUser`. */
export function delegateOf(side: Side, client: DynamicClient, model: ModelName): Delegate {
  const name = side.twins ? `plain${model}` : model.slice(0, 1).toLowerCase() + model.slice(1)
  return client[name] as Delegate // the fixture has a delegate for every model and twin
}
