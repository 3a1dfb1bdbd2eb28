import { readFile } from 'node:fs/promises'
import { importDependency } from '../../src/providers/dependency.js'

const missing = (name: string): Error =>
  Object.assign(new Error(`Cannot find package '${name}' imported from /app/aws.js`), {
    code: 'ERR_MODULE_NOT_FOUND',
  })

test('a missing SDK is reported with the command that installs it', async () => {
  const load = () => Promise.reject(missing('@aws-sdk/client-kms'))
  await expect(importDependency('@aws-sdk/client-kms', load)).rejects.toMatchObject({
    code: 'MISSING_DEPENDENCY',
    fix: 'Run: npm install @aws-sdk/client-kms',
  })
})

test('an SDK that is there but broken reports its own error', async () => {
  const load = () => Promise.reject(missing('@smithy/core'))
  await expect(importDependency('@aws-sdk/client-kms', load)).rejects.toThrow('@smithy/core')
})

test.each([
  'aws',
  'aws-describe',
  'aws-failure',
  'gcp',
  'gcp-describe',
  'gcp-failure',
  'vault',
  'vault-client',
])('%s imports its SDK only as types or dynamically', async (file) => {
  const source = await readFile(new URL(`../../src/providers/${file}.ts`, import.meta.url), 'utf8')
  const fromSdk = /^import (?!type ).*from '(?:@aws-sdk|@google-cloud|google-|node-vault)/m
  expect(source).not.toMatch(fromSdk)
})
