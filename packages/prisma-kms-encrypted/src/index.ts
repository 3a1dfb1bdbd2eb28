/** The public interface: the extension, what stands beside it, and the types to configure and extend it. */
export { kmsEncrypted } from './rotation/kms-encrypted.js'
export type {
  KeyConfig,
  KeyOptions,
  KeyVersionConfig,
  KmsEncryptedConfig,
} from './extension/configuration.js'
export { withoutDecryption } from './extension/stored-values.js'
export type { KmsClient, RecordId } from './extension/kms-client.js'
export type { BranchKeyOptions } from './extension/branch-key-options.js'
export { postgresBranchKeys } from './providers/postgres-branch-keys.js'
export type {
  PostgresBranchKeysOptions,
  PostgresBranchKeyStore,
  QueryablePool,
  RawPrismaClient,
} from './providers/postgres-branch-keys.js'
export type { BranchKeyStore, StoredBranchKey } from './kms/branch-key-store.js'
export { createKmsProvider } from './providers/create-provider.js'
export type { KmsProviderOptions, KmsRequest } from './providers/create-provider.js'
export type { KmsFailureCode } from './kms/failure.js'
export { createIndexKey } from './extension/index-key.js'
export type { IndexKeyConfig, WrappedIndexKey } from './extension/index-key.js'
export { encryptAll, encryptionStatus, rotate, rotateAll, rotationRanges } from './rotation/on-demand.js'
export type { RangeOptions } from './rotation/ranges.js'
export { createBox } from './box/create-box.js'
export type { Box } from './box/create-box.js'
export type { BoxConfig, BoxOptions } from './box/box-config.js'
export type { BoxCall, BoxContext, BoxOpenCall } from './box/box-keys.js'
export type { RotateProgress, RotateResult } from './rotation/rotate-all.js'
export type { RotateOneOptions, RotateOptions, RotationMode } from './rotation/rotate-options.js'
export type { RowFailure, RowRange, WalkOptions, WalkProgress, WalkResult } from './rotation/walk-options.js'
export type {
  EncryptionStatus,
  FieldStatus,
  IndexStatus,
  KeyStatus,
  StatusOptions,
  VersionStatus,
} from './rotation/status.js'
export type { EncryptProgress, EncryptResult } from './rotation/encrypt-all.js'
export type { EncryptOptions } from './rotation/encrypt-options.js'
export { railsKmsEncrypted } from './legacy/rails-kms-encrypted.js'
export type { RailsField, RailsKmsEncryptedOptions } from './legacy/rails-kms-encrypted.js'
export { prismaFieldEncryption } from './legacy/prisma-field-encryption.js'
export type { PrismaFieldEncryptionOptions } from './legacy/prisma-field-encryption.js'
export type { LegacyOpener, LegacyValue } from './records/legacy-opener.js'
export { errorCodes, isKmsEncryptedError, KmsEncryptedError } from './errors.js'
export { kmsEventChannels } from './kms/audit-event.js'
export type { KmsEvent, KmsEventSource } from './kms/audit-event.js'
export type { DataKeyCacheOptions } from './kms/cache-options.js'
export type { ErrorCode, ErrorDetails } from './errors.js'
export type { BranchFn, ContextFn, ContextInput, EagerMode } from './records/key-config.js'
export type {
  EncryptionContext,
  KeyDescription,
  KmsCall,
  KmsProvider,
  Outcome,
  RecordReference,
  UnwrapItem,
  WrapItem,
} from './kms/provider.js'
export type { EncryptedModelName, ModelDefinition, ModelDefinitions } from './schema/model.js'
