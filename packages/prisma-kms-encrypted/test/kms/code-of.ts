/** Gives the code of what a function throws, so that tests compare codes. */

/** The `code` of the error that `action` throws; fails when it throws none. */
export function codeOf(action: () => unknown): unknown {
  return (errorOf(action) as { code?: unknown }).code
}

/** The error that `action` throws; fails when it throws none. */
export function errorOf(action: () => unknown): Error {
  try {
    action()
  } catch (error) {
    if (error instanceof Error) return error
    throw new Error('threw what is no Error', { cause: error })
  }
  throw new Error('threw nothing')
}
