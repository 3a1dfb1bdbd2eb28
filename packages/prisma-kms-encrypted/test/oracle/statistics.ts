/** Counts what really ran, so that everybody sees that the comparison was not vacuous. */

/** Counts of one run, over all its lanes. */
export class Statistics {
  readonly #outcomes = new Map<string, Map<string, number>>()
  readonly #verbs = new Map<string, number>()
  readonly #steps = new Map<string, number>()
  sequences = 0

  /** One call on both sides. `verbs`: the nested writes in it. */
  count(kind: string, outcome: string, verbs: readonly string[]): void {
    const outcomes = this.#outcomes.get(kind) ?? new Map<string, number>()
    this.#outcomes.set(kind, outcomes)
    increase(outcomes, outcome)
    if (outcome === 'ok') for (const verb of verbs) increase(this.#verbs, verb)
  }

  /** One step, such as a transaction that was rolled back. */
  countStep(name: string): void {
    increase(this.#steps, name)
  }

  /** Calls of this kind that succeeded on both sides. */
  successes(kind: string): number {
    return this.#outcomes.get(kind)?.get('ok') ?? 0
  }

  /** Successful calls with this nested write. */
  nested(verb: string): number {
    return this.#verbs.get(verb) ?? 0
  }

  /** Steps of this name. */
  steps(name: string): number {
    return this.#steps.get(name) ?? 0
  }

  /** Everything, as lines. */
  toString(): string {
    const lines = [...this.#outcomes].sort().map(([kind, outcomes]) => {
      const list = [...outcomes]
        .sort(([, one], [, two]) => two - one)
        .map(([name, n]) => `${name.slice(0, 60)} ${n}`)
      return `  ${kind.padEnd(22)} ${list.join(', ')}`
    })
    const inline = (map: ReadonlyMap<string, number>) =>
      [...map]
        .sort()
        .map(([name, n]) => `${name} ${n}`)
        .join(', ')
    return [
      `${this.sequences} sequences`,
      ...lines,
      `  nested writes that succeeded: ${inline(this.#verbs)}`,
      `  steps: ${inline(this.#steps)}`,
    ].join('\n')
  }
}

function increase(map: Map<string, number>, name: string): void {
  map.set(name, (map.get(name) ?? 0) + 1)
}

const verbNames = new Set([
  'create',
  'createMany',
  'connect',
  'connectOrCreate',
  'set',
  'disconnect',
  'delete',
  'deleteMany',
  'update',
  'updateMany',
  'upsert',
])

/** The nested writes in a call's data, each once: `posts.create`. */
export function nestedVerbs(args: unknown): readonly string[] {
  const found = new Set<string>()
  const walk = (node: unknown, above: string, depth: number): void => {
    if (typeof node !== 'object' || node === null || node instanceof Uint8Array || node instanceof Date)
      return
    if (Array.isArray(node)) {
      for (const item of node) walk(item, above, depth)
      return
    }
    for (const [name, value] of Object.entries(node)) {
      const verb = verbNames.has(name) && above !== '' && !verbNames.has(above) && above !== 'data'
      if (verb) found.add(name).add(`${name} at depth ${depth + 1}`)
      walk(value, name, verb ? depth + 1 : depth)
    }
  }
  walk(args, '', 0)
  return [...found]
}
