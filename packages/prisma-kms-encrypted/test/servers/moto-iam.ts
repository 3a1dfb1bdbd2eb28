/** Users and policies of moto's IAM, and the switch that makes moto enforce them; through its HTTP interface. */
import { randomBytes } from 'node:crypto'
import type { AwsCredentials } from './aws-keys.js'

/** A user whose rights can be changed. */
export interface IamUser {
  readonly credentials: AwsCredentials
  /** Replaces what the user may do; works while IAM is not enforced. */
  allow(actions: readonly string[]): Promise<void>
}

/** From now on every request to the server at `endpoint` is checked, or none is. */
export async function enforceIam(endpoint: string, isEnforced: boolean): Promise<void> {
  const uncheckedRequests = isEnforced ? '0' : 'inf'
  await post(`${endpoint}/moto-api/reset-auth`, uncheckedRequests, {})
}

/** Makes a user who may do `actions` with every key; works while IAM is not enforced. */
export async function createIamUser(endpoint: string, actions: readonly string[]): Promise<IamUser> {
  const UserName = `user-${randomBytes(4).toString('hex')}`
  const allow: IamUser['allow'] = async (allowed) => {
    const statement = { Effect: 'Allow', Action: allowed, Resource: '*' }
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
    await ask(endpoint, 'PutUserPolicy', { UserName, PolicyName: 'kms', PolicyDocument })
  }
  await ask(endpoint, 'CreateUser', { UserName })
  await allow(actions)
  const answer = await ask(endpoint, 'CreateAccessKey', { UserName })
  const read = (tag: string): string => new RegExp(`<${tag}>([^<]+)</${tag}>`).exec(answer)?.[1] ?? ''
  return {
    credentials: { accessKeyId: read('AccessKeyId'), secretAccessKey: read('SecretAccessKey') },
    allow,
  }
}

function ask(endpoint: string, Action: string, input: Record<string, string>): Promise<string> {
  const body = new URLSearchParams({ Action, Version: '2010-05-08', ...input }).toString()
  return post(endpoint, body, {
    'content-type': 'application/x-www-form-urlencoded',
    // The service is read from it; nobody checks the rest.
    authorization:
      'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=none',
  })
}

async function post(url: string, body: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(url, { method: 'POST', body, headers })
  const text = await response.text()
  if (!response.ok) throw new Error(`moto answered ${response.status}: ${text}`)
  return text
}
