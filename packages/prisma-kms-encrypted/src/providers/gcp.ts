/** Wraps data keys with Google Cloud KMS over gRPC, bound to their context as additional authenticated data. */
import type { KeyManagementServiceClient } from '@google-cloud/kms'
import pLimit from 'p-limit'
import * as z from 'zod/mini'
import { KmsEncryptedError } from '../errors.js'
import { withinCall } from '../kms/call.js'
import { canonicalContextJson } from '../kms/context.js'
import { kmsFailure } from '../kms/failure.js'
import type { KmsFailurePlace } from '../kms/failure.js'
import { isKeyIdOf } from '../kms/key-id.js'
import { checkPlaintextKey, checkUnwrapped, failed } from '../kms/outcome.js'
import type {
  EncryptionContext,
  KmsCall,
  KmsProvider,
  Outcome,
  UnwrapItem,
  WrapItem,
} from '../kms/provider.js'
import { checkForm, lazySchema, objectSchema } from '../lazy-schema.js'
import { crc32c } from './crc32c.js'
import { importDependency } from './dependency.js'
import { describeGcpKey } from './gcp-describe.js'
import { toGcpFailure, toGcpStartFailure } from './gcp-failure.js'
import { runItems } from './run-items.js'

/** Options of {@link gcpKms}. Without any, Google's application default credentials are used. */
export interface GcpKmsOptions {
  /** Your own client; it must not log requests. Its retries are switched off call by call, since the call policies retry. */
  readonly client?: GcpKmsClient
  /** Requests under way at the same time; 64. */
  readonly concurrency?: number
  /** Milliseconds for one request; 3,000. The client itself waits up to 60 s, and retries up to 600 s. */
  readonly requestTimeoutMs?: number
}

/** The part of Google's client that is used. */
export type GcpKmsClient = Pick<KeyManagementServiceClient, 'encrypt' | 'decrypt' | 'getCryptoKey'> &
  Partial<Pick<KeyManagementServiceClient, 'initialize' | 'close'>>

const optionsSchema = lazySchema(() =>
  z.strictObject({
    client: z.optional(objectSchema<GcpKmsClient>()),
    concurrency: z._default(z.int().check(z.positive()), 64),
    requestTimeoutMs: z._default(z.int().check(z.positive()), 3_000),
  }),
)

/**
 * The Google Cloud KMS provider, for key ids `projects/…/cryptoKeys/…`. The SDK is imported on first use. Checksums
 * (CRC-32C) are sent and verified both ways. The service has no operation that wraps anew without showing the key, so
 * there is no `rewrap`.
 * @throws INVALID_CONFIGURATION for unknown options
 */
export function gcpKms(options: GcpKmsOptions = {}): KmsProvider {
  const settings = checkOptions(options)
  const limit = pLimit(settings.concurrency)
  let client: Promise<GcpKmsClient> | undefined
  const getClient = (place: KmsFailurePlace): Promise<GcpKmsClient> => {
    client ??= loadClient(settings.client, place).catch((error: unknown) => {
      client = undefined
      throw error
    })
    return client
  }
  /** The client's own retries would outlast every deadline. */
  const callOptionsOf = (call: KmsCall) => ({
    timeout: Math.max(1, Math.min(settings.requestTimeoutMs, (call.deadlineMs ?? Infinity) - Date.now())),
    retry: { retryCodes: [] },
  })

  const run = async <Item extends WrapItem | UnwrapItem>(
    place: KmsFailurePlace,
    items: readonly Item[],
    call: KmsCall,
    request: (kms: GcpKmsClient, item: Item) => Promise<Uint8Array>,
  ): Promise<readonly Outcome<Uint8Array>[]> => {
    if (!isKeyIdOf('gcp', place.keyId)) throw kmsFailure('KMS_KEY_NOT_FOUND', place)
    let kms: GcpKmsClient
    try {
      kms = await withinCall(call, place, () => getClient(place))
    } catch (error) {
      const failure = toGcpFailure(error, place)
      if (failure.code !== 'KMS_ACCESS_DENIED' && failure.code !== 'KMS_UNAVAILABLE') throw failure
      return items.map(() => failed(failure))
    }
    return runItems({
      place,
      items,
      call,
      limit,
      send: (item) => request(kms, item),
      toFailure: (error) => toGcpFailure(error, place),
    })
  }

  return Object.freeze<KmsProvider>({
    name: 'gcp',
    accepts: (keyId) => isKeyIdOf('gcp', keyId),
    close: async () => {
      if (settings.client !== undefined) return // not ours
      const opened = client
      client = undefined
      await (await opened)?.close?.()
    },
    wrap: (keyId, items, call) => {
      const place: KmsFailurePlace = { provider: 'gcp', keyId, operation: 'wrap' }
      return run(place, items, call, async (kms, { plaintext, context }) => {
        checkPlaintextKey(plaintext)
        const aad = encodeContext(context)
        const [answer] = await kms.encrypt(
          {
            name: keyId,
            plaintext,
            plaintextCrc32c: { value: crc32c(plaintext) },
            additionalAuthenticatedData: aad,
            additionalAuthenticatedDataCrc32c: { value: crc32c(aad) },
          },
          callOptionsOf(call),
        )
        if (
          answer.verifiedPlaintextCrc32c !== true ||
          answer.verifiedAdditionalAuthenticatedDataCrc32c !== true
        ) {
          throw damaged(place, 'the service did not confirm the checksums')
        }
        if (typeof answer.name !== 'string' || !answer.name.startsWith(`${keyId}/cryptoKeyVersions/`)) {
          throw damaged(place, 'another key answered')
        }
        return verifyBytes(answer.ciphertext, answer.ciphertextCrc32c, place)
      })
    },
    unwrap: (keyId, items, call) => {
      const place: KmsFailurePlace = { provider: 'gcp', keyId, operation: 'unwrap' }
      return run(place, items, call, async (kms, item) => {
        const { ciphertext, context } = item
        if (ciphertext.byteLength === 0) throw kmsFailure('KMS_INVALID_CIPHERTEXT', place)
        const aad = encodeContext(context)
        const [answer] = await kms.decrypt(
          {
            name: keyId,
            ciphertext,
            ciphertextCrc32c: { value: crc32c(ciphertext) },
            additionalAuthenticatedData: aad,
            additionalAuthenticatedDataCrc32c: { value: crc32c(aad) },
          },
          callOptionsOf(call),
        )
        return checkUnwrapped(verifyBytes(answer.plaintext, answer.plaintextCrc32c, place), item, place)
      })
    },
    describeKey: async (keyId) => {
      const place: KmsFailurePlace = { provider: 'gcp', keyId, operation: 'describeKey' }
      return describeGcpKey(await getClient(place), place, callOptionsOf({}))
    },
  })
}

async function loadClient(given: GcpKmsClient | undefined, place: KmsFailurePlace): Promise<GcpKmsClient> {
  const client = given ?? (await createClient())
  // The client's methods do this too, but let its failure end the process as an unhandled rejection.
  await client.initialize?.().catch((error: unknown) => {
    throw toGcpStartFailure(error, place)
  })
  return client
}

async function createClient(): Promise<GcpKmsClient> {
  if ((process.env['GOOGLE_SDK_NODE_LOGGING'] ?? '') !== '') throw loggingIsOn()
  const sdk = await importDependency('@google-cloud/kms', () => import('@google-cloud/kms'))
  return new sdk.KeyManagementServiceClient()
}

/** Google's client logs whole requests and answers, data keys included, when this variable is set. */
function loggingIsOn(): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: 'gcpKms: GOOGLE_SDK_NODE_LOGGING is set',
    why: "Google's client would write every data key to the log.",
    fix: 'Unset GOOGLE_SDK_NODE_LOGGING, or pass a client of your own that does not log: gcpKms({ client }).',
  })
}

/** Protobuf gives bytes as a `Buffer` and an int64 as number, string or Long, depending on the client's version. */
function verifyBytes(
  bytes: Uint8Array | string | null | undefined,
  checksum: { readonly value?: unknown } | null | undefined,
  place: KmsFailurePlace,
): Uint8Array {
  if (!(bytes instanceof Uint8Array) || bytes.byteLength === 0) throw damaged(place, 'it holds no bytes')
  const expected = checksum?.value
  if (expected === null || expected === undefined || Number(expected) !== crc32c(bytes)) {
    throw damaged(place, 'its checksum is wrong')
  }
  return bytes
}

function damaged(place: KmsFailurePlace, detail: string): KmsEncryptedError {
  return kmsFailure('KMS_INVALID_RESPONSE', place, { detail })
}

function encodeContext(context: EncryptionContext): Uint8Array {
  return Buffer.from(canonicalContextJson(context), 'utf8')
}

function checkOptions(options: GcpKmsOptions): z.output<ReturnType<typeof optionsSchema>> {
  const checked = checkForm(optionsSchema, options)
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  throw new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `gcpKms: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`,
    why: 'A wrong setting would leave requests without a limit.',
    fix: 'For example gcpKms(), which uses the application default credentials, or gcpKms({ client }).',
  })
}
