/** Takes out of a result what the plan had added to its selection. */
import type { Shape } from './plan-selection.js'
import type { Row } from './rows.js'

/** Hides the added columns of one row, which is changed. */
export function hideAdded(row: Row, { added, conceal }: Shape): void {
  for (const name of added) {
    if (conceal && name in row) {
      Object.defineProperty(row, name, {
        value: row[name],
        enumerable: false,
        configurable: true,
        writable: true,
      })
    } else Reflect.deleteProperty(row, name)
  }
}
