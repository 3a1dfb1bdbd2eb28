/** Takes ids from sequences in blocks, so that most creates need no round trip for theirs (the option `idBlock`). */
import type { RecordModel } from '../records/models.js'
import type { Catalogue, Sequences } from './dialects/dialect.js'
import type { SideClient } from './prisma-internals.js'

/** Ids that were fetched and not used yet, by model. An id is handed out once; what is left when the process ends is skipped. */
export interface IdBlocks {
  /** As {@link Sequences.fetchIds}, from the blocks where they suffice. Only outside transactions of the caller. */
  take: Sequences['fetchIds']
  /** The same where nothing has to be fetched; otherwise `null`, and none is taken. */
  takeAtHand(counts: Counts): ReadonlyMap<RecordModel, string[]> | null
  /** Skips what is left: after the sequence was set back, the ids may be taken a second time. */
  forget(): void
}

/**
 * Makes empty blocks.
 * @param size ids of one trip, at least; more when one operation needs more
 */
export function createIdBlocks(sequences: Sequences, size: number): IdBlocks {
  let left = new Map<RecordModel, Block>()
  let turn: Promise<unknown> = Promise.resolve()

  const serve = async (
    client: SideClient,
    catalogue: Catalogue,
    counts: Counts,
  ): Promise<ReadonlyMap<RecordModel, string[]>> => {
    const blocks = left
    const short = new Map(shortOf(blocks, counts))
    // Now, since what is at hand may be handed out to others while a block is on its way.
    const atHand = takeAll(blocks, new Map([...counts].filter(([model]) => !short.has(model))))
    if (short.size > 0) {
      const wanted = new Map([...short].map(([model, count]) => [model, Math.max(count, size)]))
      const fetched = await sequences.fetchIds(client, catalogue, wanted)
      for (const [model, ids] of fetched)
        blocks.set(model, { ids: [...unused(blocks.get(model)), ...ids], taken: 0 })
    }
    return new Map([...atHand, ...takeAll(blocks, short)])
  }

  return {
    take(client, catalogue, counts) {
      // One after another: while a block is on its way, others wait for it instead of fetching one each.
      const served = turn.then(() => serve(client, catalogue, counts))
      turn = served.catch(() => undefined)
      return served
    },
    takeAtHand: (counts) => (shortOf(left, counts).length > 0 ? null : takeAll(left, counts)),
    forget() {
      left = new Map()
    },
  }
}

type Blocks = ReadonlyMap<RecordModel, Block>
type Counts = ReadonlyMap<RecordModel, number>

/** What the blocks do not suffice for. */
function shortOf(blocks: Blocks, counts: Counts): readonly (readonly [RecordModel, number])[] {
  return [...counts].filter(([model, count]) => leftIn(blocks.get(model)) < count)
}

function takeAll(blocks: Blocks, counts: Counts): ReadonlyMap<RecordModel, string[]> {
  return new Map([...counts].map(([model, count]) => [model, takeFrom(blocks.get(model), count)]))
}

/** Ids of one trip; those before `taken` have been handed out. */
interface Block {
  readonly ids: readonly string[]
  taken: number
}

function leftIn(block: Block | undefined): number {
  return block ? block.ids.length - block.taken : 0
}

function unused(block: Block | undefined): readonly string[] {
  return block?.ids.slice(block.taken) ?? []
}

function takeFrom(block: Block | undefined, count: number): string[] {
  if (!block) return []
  const start = block.taken
  block.taken += count
  return block.ids.slice(start, block.taken)
}
