/** The refusals that planning makes, each with its reason and remedy. */
import { KmsEncryptedError } from '../errors.js'

/** @returns the error for an operation or a clause that is not served on encrypted models */
export function unsupported(where: string, what: string, fix: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'UNSUPPORTED_OPERATION',
    message: `${where}: ${what} is not supported on encrypted fields`,
    why: 'Passing it through would store plaintext, return ciphertext or change the wrong rows.',
    fix,
  })
}

/** @returns the error for a filter on a field whose column holds ciphertext */
export function encryptedFilter(where: string, operator: string, indexed: boolean): KmsEncryptedError {
  const possible = indexed
    ? 'equals, in, notIn, not, and comparisons with null'
    : 'only comparisons with null'
  return new KmsEncryptedError({
    code: 'ENCRYPTED_FILTER',
    message: `${where}: cannot filter by '${operator}' on an encrypted field (possible here: ${possible})`,
    why: 'Every value is sealed under its own record’s key; a blind index tells equal values, nothing more.',
    fix: indexed
      ? 'Use one of the possible operators, or read the rows and filter them in the application.'
      : 'Add a @blindIndex for the field, filter by another field, or filter in the application after reading.',
  })
}

/** @returns the error for a filter that a truncated index cannot serve */
export function fullIndexNeeded(where: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'ENCRYPTED_FILTER',
    message: `${where}: a truncated index serves only equals and in, in a findMany without take, skip, cursor or distinct`,
    why: 'It also finds other values, which can be removed only from rows that are returned and opened.',
    fix: 'Add a full @blindIndex (without bits) for the field, or ask with findMany and narrow the result yourself.',
  })
}

/** @returns the error for an order, a grouping or an extreme taken of ciphertext */
export function encryptedOrder(where: string, clause: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'ENCRYPTED_ORDER',
    message: `${where}: cannot use '${clause}' on an encrypted field`,
    why: 'The database would order or group the ciphertext, which has nothing to do with the order of the values.',
    fix: `Take the field out of '${clause}'; order or group in the application after reading.`,
  })
}

/** @returns the error for data that would write a column which this library keeps */
export function managedColumn(where: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'MANAGED_COLUMN',
    message: `${where}: this column is written by prisma-kms-encrypted only`,
    why: 'Whoever can plant a key or an index chooses under which key later values are sealed, or which record is found.',
    fix: 'Take the column out of the data; it follows its fields by itself. To rotate keys use rotateAll().',
  })
}

/** @returns the error for a change of a column that the record's encryption context is bound to */
export function immutableContext(where: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'CONTEXT_COLUMN_IMMUTABLE',
    message: `${where}: cannot change a column of the record's encryption context`,
    why: 'The data keys of the record are bound to it; after the change none of them would open again.',
    fix: 'Create a new record with the new value and delete the old one.',
  })
}

/** @returns the error for a record inside other arguments that is named by an encrypted field whose model is migrating */
export function namedByMigrating(where: string): KmsEncryptedError {
  return unsupported(
    where,
    'naming a record here by this field, while its model is migrating,',
    'Name the record by its id; the `where` of the operation itself may use the field.',
  )
}

/** @returns the error for a search that would miss the records which are not imported yet */
export function notIndexedYet(where: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'ENCRYPTED_FILTER',
    message: `${where}: cannot search a field of another library's records before their indexes are filled`,
    why: 'The index of a record is empty until encryptAll() has filled it, so the search would miss records.',
    fix: 'Run encryptAll() with the model under migrating: read, then give the opener indexed: true; see the migration guides.',
  })
}
