/** Turns a key id into the name of the provider that serves it, by a fixed table of forms; nothing is guessed. */
import { KmsEncryptedError } from '../errors.js'

/** The providers that this package brings along. */
export type DefaultProviderName = 'aws' | 'gcp' | 'vault' | 'local' | 'test'

interface KeyIdForm {
  readonly provider: DefaultProviderName
  /** As shown to the reader of an error. */
  readonly shown: string
  readonly pattern: RegExp
}

/**
 * Every form that is understood. They exclude each other.
 * Sources: AWS KMS API `KeyId` and `CreateAlias`; Cloud KMS resource names (`[a-zA-Z0-9_-]{1,63}`);
 * Vault `framework.GenericNameRegex`. Vault's name goes into a URL path, hence no `..` in it.
 */
const forms: readonly KeyIdForm[] = [
  {
    provider: 'aws',
    shown:
      'arn:aws:kms:<region>:<account>:key/<id> (also arn:aws-cn:kms, arn:aws-us-gov:kms, and …:alias/<name>)',
    pattern:
      /^arn:aws(?:-cn|-us-gov)?:kms:[a-z]{2}(?:-[a-z0-9]+)+:\d{12}:(?:key\/(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|alias\/[A-Za-z0-9/_-]{1,250})$/,
  },
  { provider: 'aws', shown: 'alias/<name>', pattern: /^alias\/[A-Za-z0-9/_-]{1,250}$/ },
  {
    provider: 'aws',
    shown: 'a UUID (AWS key id)',
    pattern: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  },
  { provider: 'aws', shown: 'mrk-<32 hexadecimal digits>', pattern: /^mrk-[0-9a-f]{32}$/ },
  {
    provider: 'gcp',
    shown: 'projects/<project>/locations/<location>/keyRings/<ring>/cryptoKeys/<key>',
    pattern:
      /^projects\/[a-z0-9.:-]{1,128}\/locations\/[a-z0-9-]{1,63}\/keyRings\/[A-Za-z0-9_-]{1,63}\/cryptoKeys\/[A-Za-z0-9_-]{1,63}$/,
  },
  {
    provider: 'vault',
    shown: 'vault/<transit key>',
    pattern: /^vault\/(?!.*\.\.)[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253}[A-Za-z0-9_])?$/,
  },
  { provider: 'local', shown: 'local/<name>', pattern: /^local\/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/ },
  {
    provider: 'test',
    shown: 'insecure-test-key, insecure-test-key/encrypt (tests only)',
    pattern: /^insecure-test-key(?:\/encrypt)?$/,
  },
]

/** Tells whether `keyId` has one of the forms that belong to `provider`. Pure; never throws. */
export function isKeyIdOf(provider: DefaultProviderName, keyId: string): boolean {
  return forms.some((form) => form.provider === provider && form.pattern.test(keyId))
}

/**
 * Names the provider that serves `keyId`.
 * @throws UNKNOWN_KEY_ID when it has none of the known forms
 */
export function providerNameOf(keyId: string): DefaultProviderName {
  const form = forms.find(({ pattern }) => pattern.test(keyId))
  if (form !== undefined) return form.provider
  throw new KmsEncryptedError({
    code: 'UNKNOWN_KEY_ID',
    message: `Key id ${JSON.stringify(keyId)} has none of the known forms`,
    why: 'The form of a key id says which provider serves it, and a guess could send a data key to the wrong service.',
    fix: `Use one of: ${forms.map(({ shown }) => shown).join('; ')}. Or pass your own provider whose accepts() takes this id.`,
  })
}
