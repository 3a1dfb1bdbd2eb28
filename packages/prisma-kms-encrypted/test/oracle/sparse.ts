/** Combines arbitraries into argument objects of which most properties are usually absent. */
import fc from 'fast-check'

const absent = Symbol('absent')

/** A property that is there in `percent` of 100 cases; shrinks to absent. */
export interface SparseProperty {
  readonly percent: number
  readonly value: fc.Arbitrary<unknown>
}

/** A property of a sparse object. */
export function sometimes(percent: number, value: fc.Arbitrary<unknown>): SparseProperty {
  return { percent, value }
}

/** A property that is always there. */
export function always(value: fc.Arbitrary<unknown>): SparseProperty {
  return { percent: 100, value }
}

/** An object with some of the properties. */
export function sparse(
  properties: Readonly<Record<string, SparseProperty>>,
): fc.Arbitrary<Record<string, unknown>> {
  const names = Object.keys(properties)
  const values = Object.values(properties).map(({ percent, value }) =>
    percent >= 100
      ? value
      : fc.oneof(
          { withCrossShrink: true },
          { weight: 100 - percent, arbitrary: fc.constant(absent) },
          { weight: percent, arbitrary: value },
        ),
  )
  return fc
    .tuple(...values)
    .map((all) =>
      Object.fromEntries(names.flatMap((name, at) => (all[at] === absent ? [] : [[name, all[at]]]))),
    )
}

/** Chooses by weight. */
export function weighted<T>(
  ...choices: readonly (readonly [weight: number, value: fc.Arbitrary<T>])[]
): fc.Arbitrary<T> {
  const possible = choices.filter(([weight]) => weight > 0)
  return fc.oneof(...possible.map(([weight, arbitrary]) => ({ weight, arbitrary })))
}
