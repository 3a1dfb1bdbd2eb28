/** `rotationRanges(prisma.user, { size })`: cuts a table into ranges that workers can take one by one. */
import * as z from 'zod/mini'

import { delegateOf } from '../extension/prisma-internals.js'
import { runtimeOf } from '../extension/registry.js'
import { lazySchema } from '../lazy-schema.js'
import { cursorOf } from './cursors.js'
import { orderOf, selectColumns, within } from './pages.js'
import { checkOptions } from './option-forms.js'
import type { RowRange } from './walk-options.js'

/** Options of {@link rotationRanges}. */
export interface RangeOptions {
  /** Rows a range; 10,000 unless given. A worker that is killed loses at most the batches in hand, whatever the size. */
  readonly size?: number
}

const form = lazySchema(() => z.strictObject({ size: z.optional(z.int().check(z.minimum(1))) }))

/** Cuts a table into ranges by primary key; its contract is in `on-demand.ts`. */
export async function* rotationRanges(
  delegate: unknown,
  options: RangeOptions = {},
): AsyncGenerator<RowRange, void, void> {
  const caller = 'rotationRanges()'
  const { runtime, model } = runtimeOf(delegate, caller)
  const { size = 10_000 } = checkOptions(form, options, caller)
  const query = { select: selectColumns(model, []), orderBy: orderOf(model), skip: size - 1, take: 1 }
  let after: string | null = null
  for (let last = null; ;) {
    const [end] = await delegateOf(runtime.base, model.delegate).findMany({
      ...query,
      where: within(model, { where: null, columns: [], after: last, upTo: null }),
    })
    const upTo = end ? cursorOf(model, end) : null
    yield { after, upTo }
    if (!end) return
    last = end
    after = upTo
  }
}
