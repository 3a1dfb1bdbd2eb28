/** Turns the absence of an optional SDK into an error that says how to install it. */
import { KmsEncryptedError } from '../errors.js'

/**
 * Imports an optional peer dependency.
 * @param name the package, as it is installed
 * @throws MISSING_DEPENDENCY when it is not installed
 */
export async function importDependency<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if (!isMissing(error, name)) throw error // it is there but broken: its own error tells more
    throw new KmsEncryptedError({
      code: 'MISSING_DEPENDENCY',
      message: `The package ${name} is not installed`,
      why: 'Each provider uses the SDK of its service, which is installed only where it is needed.',
      fix: `Run: npm install ${name}`,
    })
  }
}

function isMissing(error: unknown, name: string): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  const isNotFound = error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND'
  return isNotFound && (error.message.includes(`'${name}'`) || error.message.includes(`"${name}"`))
}
