import { isKmsEncryptedError } from '../../src/errors.js'
import { isKeyIdOf, providerNameOf } from '../../src/kms/key-id.js'

test.each([
  ['arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab', 'aws'],
  ['arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab', 'aws'],
  ['arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/app', 'aws'],
  ['arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab', 'aws'],
  ['alias/app', 'aws'],
  ['alias/team/app_1', 'aws'],
  ['1234abcd-12ab-34cd-56ef-1234567890ab', 'aws'],
  ['mrk-1234abcd12ab34cd56ef1234567890ab', 'aws'],
  ['projects/my-project/locations/europe-west3/keyRings/app/cryptoKeys/users', 'gcp'],
  ['projects/example.com:my-project/locations/global/keyRings/app/cryptoKeys/users', 'gcp'],
  ['vault/app', 'vault'],
  ['vault/app-1.users', 'vault'],
  ['local/app', 'local'],
  ['insecure-test-key', 'test'],
  ['insecure-test-key/encrypt', 'test'],
] as const)('%s belongs to %s and to no other', (keyId, provider) => {
  expect(providerNameOf(keyId)).toBe(provider)
  const all = (['aws', 'gcp', 'vault', 'local', 'test'] as const).filter((name) => isKeyIdOf(name, keyId))
  expect(all).toEqual([provider])
})

test.each([
  '',
  'app',
  'aws:alias/app',
  'arn:aws:s3:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  'arn:aws:kms:us-east-1:1111:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  'arn:aws-eu:kms:us-east-1:111122223333:alias/app',
  ' alias/app',
  'alias/app\n',
  'alias/',
  '1234abcd-12ab-34cd-56ef',
  'projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1',
  'projects/p/../../x/locations/l/keyRings/r/cryptoKeys/k',
  'vault/',
  'vault/a/b',
  'vault/../sys/raw',
  'vault/a..b',
  'vault/.a',
  'vault/a.',
  'vault/a?b',
  'vault/a%2fb',
  'vault/ключ',
  'local/',
  'local/a/b',
  'insecure-test-key/decrypt',
])('%j is refused with the list of forms', (keyId) => {
  try {
    providerNameOf(keyId)
  } catch (error) {
    expect(isKmsEncryptedError(error, 'UNKNOWN_KEY_ID')).toBe(true)
    for (const form of [
      'arn:aws:kms',
      'alias/',
      'mrk-',
      'projects/',
      'vault/',
      'local/',
      'insecure-test-key',
    ]) {
      expect((error as Error).message).toContain(form)
    }
    return
  }
  throw new Error('accepted')
})
