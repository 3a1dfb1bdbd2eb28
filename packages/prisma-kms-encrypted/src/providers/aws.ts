/** Wraps data keys with AWS KMS: Encrypt, Decrypt with the key id pinned, ReEncrypt; with fail-over for multi-Region keys. */
import type * as AwsSdk from '@aws-sdk/client-kms'
import type { KMSClient } from '@aws-sdk/client-kms'
import pLimit from 'p-limit'
import * as z from 'zod/mini'
import { KmsEncryptedError } from '../errors.js'
import { validateContext } from '../kms/context.js'
import { isRetryable, kmsFailure } from '../kms/failure.js'
import type { KmsFailurePlace } from '../kms/failure.js'
import { isKeyIdOf } from '../kms/key-id.js'
import { checkPlaintextKey, checkUnwrapped } from '../kms/outcome.js'
import type { KmsCall, KmsProvider, Outcome, UnwrapItem, WrapItem } from '../kms/provider.js'
import { systemTiming } from '../kms/timing.js'
import type { Timing } from '../kms/timing.js'
import { checkForm, lazySchema } from '../lazy-schema.js'
import { describeAwsKey, describeAwsRegions } from './aws-describe.js'
import { toAwsFailure } from './aws-failure.js'
import { createRegionOrder, isMultiRegionKey, keyIdInRegion, regionOfArn } from './aws-regions.js'
import { importDependency } from './dependency.js'
import { runItems } from './run-items.js'

/** Options of {@link awsKms}. Without any, the AWS default chain gives credentials and region. */
export interface AwsKmsOptions {
  /** The region of the keys. An ARN names its own; one of another region is then not accepted. */
  readonly region?: string
  /**
   * Regions that hold the same multi-Region keys (`mrk-…`), in order of preference: when one is down or throttled,
   * the next one serves. Keys that are not multi-Region ones are served by the first, or by that of their ARN.
   */
  readonly regions?: readonly string[]
  /** Your own client; with several regions a function that gives the client of each. */
  readonly client?: KMSClient | ((region: string | undefined) => KMSClient)
  /** Requests under way at the same time; 64. */
  readonly concurrency?: number
  /** Milliseconds for one request; 3,000. The SDK itself has no limit. */
  readonly requestTimeoutMs?: number
  /** Milliseconds to connect; 1,000. */
  readonly connectionTimeoutMs?: number
  readonly timing?: Timing
}

const optionsSchema = lazySchema(() =>
  z.strictObject({
    region: z.optional(z.string().check(z.minLength(1))),
    regions: z.optional(z.readonly(z.array(z.string().check(z.minLength(1))).check(z.minLength(1)))),
    client: z.optional(z.custom<object>((value) => typeof value === 'object' || typeof value === 'function')),
    concurrency: z._default(z.int().check(z.positive()), 64),
    requestTimeoutMs: z._default(z.int().check(z.positive()), 3_000),
    connectionTimeoutMs: z._default(z.int().check(z.positive()), 1_000),
    timing: z.optional(z.custom<Timing>()),
  }),
)

type Sdk = typeof AwsSdk

/**
 * The AWS KMS provider: key ids, ARNs, aliases and multi-Region keys. The SDK is imported on first use and its own
 * retries are off, since the call policies retry.
 * @throws INVALID_CONFIGURATION for unknown or contradictory options
 */
export function awsKms(options: AwsKmsOptions = {}): KmsProvider {
  const settings = checkOptions(options)
  const { region, regions = region === undefined ? [] : [region], client, timing = systemTiming } = options
  const limit = pLimit(settings.concurrency)
  const regionOrder = createRegionOrder(timing)
  const clients = new Map<string | undefined, KMSClient>()
  const loadSdk = (): Promise<Sdk> =>
    importDependency('@aws-sdk/client-kms', () => import('@aws-sdk/client-kms'))

  const clientOf = (sdk: Sdk, ofRegion: string | undefined): KMSClient => {
    if (client !== undefined && typeof client !== 'function') return client
    const known = clients.get(ofRegion)
    if (known !== undefined) return known
    const made = client?.(ofRegion) ?? createClient(sdk, ofRegion, settings)
    clients.set(ofRegion, made)
    return made
  }

  /** The regions that can serve a key, in the order in which they are tried. `undefined`: what the environment says. */
  const regionsOf = (keyId: string): readonly (string | undefined)[] => {
    if (isMultiRegionKey(keyId) && regions.length > 0) return regionOrder.sort(regions)
    return [regionOfArn(keyId) ?? regions[0]]
  }

  const run = async <Item extends WrapItem | UnwrapItem>(
    place: KmsFailurePlace,
    items: readonly Item[],
    call: KmsCall,
    request: (
      sdk: Sdk,
      client: KMSClient,
      keyId: string,
      item: Item,
      signal: AbortSignal,
    ) => Promise<Uint8Array>,
  ): Promise<readonly Outcome<Uint8Array>[]> => {
    const sdk = await loadSdk()
    const send = async (item: Item, signal: AbortSignal): Promise<Uint8Array> => {
      validateContext(item.context)
      let failure: KmsEncryptedError | undefined
      for (const ofRegion of regionsOf(place.keyId)) {
        if (signal.aborted) break
        try {
          const keyId = keyIdInRegion(place.keyId, ofRegion)
          return await request(sdk, clientOf(sdk, ofRegion), keyId, item, signal)
        } catch (error) {
          failure = toAwsFailure(error, place)
          if (!isRetryable(failure)) throw failure
          regionOrder.avoid(ofRegion)
        }
      }
      throw failure ?? kmsFailure('KMS_TIMEOUT', place)
    }
    return runItems({ place, items, call, limit, send, toFailure: (error) => toAwsFailure(error, place) })
  }

  return Object.freeze<KmsProvider>({
    name: 'aws',
    accepts: (keyId) => {
      const ofArn = regionOfArn(keyId)
      const isServed = ofArn === undefined || regions.length === 0 || regions.includes(ofArn)
      return isKeyIdOf('aws', keyId) && isServed
    },
    wrap: (keyId, items, call) => {
      const place: KmsFailurePlace = { provider: 'aws', keyId, operation: 'wrap' }
      return run(place, items, call, async (sdk, kms, regionalKeyId, { plaintext, context }, signal) => {
        checkPlaintextKey(plaintext)
        const input = { KeyId: regionalKeyId, Plaintext: plaintext, EncryptionContext: { ...context } }
        const { CiphertextBlob } = await kms.send(new sdk.EncryptCommand(input), { abortSignal: signal })
        return requireBytes(CiphertextBlob, place)
      })
    },
    unwrap: (keyId, items, call) => {
      const place: KmsFailurePlace = { provider: 'aws', keyId, operation: 'unwrap' }
      return run(place, items, call, async (sdk, kms, regionalKeyId, item, signal) => {
        const { ciphertext, context } = item
        requireCiphertext(ciphertext, place)
        const input = { KeyId: regionalKeyId, CiphertextBlob: ciphertext, EncryptionContext: { ...context } }
        const { Plaintext } = await kms.send(new sdk.DecryptCommand(input), { abortSignal: signal })
        return checkUnwrapped(requireBytes(Plaintext, place), item, place)
      })
    },
    rewrap: (keyId, items, call) => {
      const place: KmsFailurePlace = { provider: 'aws', keyId, operation: 'rewrap' }
      return run(place, items, call, async (sdk, kms, regionalKeyId, { ciphertext, context }, signal) => {
        requireCiphertext(ciphertext, place)
        const input = {
          CiphertextBlob: ciphertext,
          SourceKeyId: regionalKeyId,
          SourceEncryptionContext: { ...context },
          DestinationKeyId: regionalKeyId,
          DestinationEncryptionContext: { ...context },
        }
        const { CiphertextBlob } = await kms.send(new sdk.ReEncryptCommand(input), { abortSignal: signal })
        return requireBytes(CiphertextBlob, place)
      })
    },
    close: () => {
      if (client === undefined) {
        for (const made of clients.values()) made.destroy()
        clients.clear()
      }
      return Promise.resolve()
    },
    describeKey: async (keyId) => {
      const sdk = await loadSdk()
      const [ofRegion] = regionsOf(keyId)
      const description = await describeAwsKey(
        sdk,
        clientOf(sdk, ofRegion),
        keyId,
        keyIdInRegion(keyId, ofRegion),
      )
      if (!isMultiRegionKey(keyId) || regions.length === 0) return description
      const inRegion = (region: string) => ({
        client: clientOf(sdk, region),
        keyId: keyIdInRegion(keyId, region),
      })
      return { ...description, regions: await describeAwsRegions(sdk, regions, inRegion) }
    },
  })
}

function createClient(sdk: Sdk, region: string | undefined, settings: Settings): KMSClient {
  const agent = { keepAlive: true, maxSockets: settings.concurrency }
  return new sdk.KMSClient({
    ...(region === undefined ? {} : { region }),
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: settings.connectionTimeoutMs,
      requestTimeout: settings.requestTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
  })
}

type Settings = z.output<ReturnType<typeof optionsSchema>>

function checkOptions(options: AwsKmsOptions): Settings {
  const checked = checkForm(optionsSchema, options)
  if (!checked.success) {
    const [issue] = checked.error.issues
    throw invalidOptions(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`)
  }
  const { region, regions, client } = options
  if (region !== undefined && regions !== undefined)
    throw invalidOptions('give `region` or `regions`, not both')
  if (new Set(regions).size !== (regions?.length ?? 0)) throw invalidOptions('`regions` names a region twice')
  if (client !== undefined && typeof client !== 'function' && (regions?.length ?? 0) > 1) {
    throw invalidOptions('with several `regions`, `client` must be a function that gives the client of each')
  }
  return checked.data
}

function invalidOptions(detail: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `awsKms: ${detail}`,
    why: 'A wrong setting would send requests to the wrong place or leave them without a limit.',
    fix: "For example awsKms({ region: 'us-east-1' }), or awsKms() to use the AWS default chain.",
  })
}

/** The service would answer with a validation error, which does not say what is wrong. */
function requireCiphertext(ciphertext: Uint8Array, place: KmsFailurePlace): void {
  const maxBytes = 6_144 // Decrypt, CiphertextBlob
  if (ciphertext.byteLength === 0 || ciphertext.byteLength > maxBytes) {
    throw kmsFailure('KMS_INVALID_CIPHERTEXT', place, { detail: `it has ${ciphertext.byteLength} bytes` })
  }
}

function requireBytes(bytes: Uint8Array | undefined, place: KmsFailurePlace): Uint8Array {
  if (bytes === undefined || bytes.byteLength === 0) throw kmsFailure('KMS_INVALID_RESPONSE', place)
  return bytes
}
