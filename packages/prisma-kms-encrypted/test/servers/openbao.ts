/** Prepares a Vault or OpenBao server for one suite, through its API: mounts, keys, policies and tokens of its own. */
import { randomBytes } from 'node:crypto'
import nodeVault from 'node-vault'

/** What a suite needs of the server; everything has names of its own, so that suites do not meet. */
export interface OpenBao {
  readonly address: string
  /** A client that may do everything. */
  readonly root: nodeVault.client
  /** Mounts a transit engine; gives its path. */
  readonly mountTransit: (path?: string) => Promise<string>
  /** Makes a token that may do what the policy says; gives it with the policy's name, under which it can be changed. */
  readonly createToken: (policy: string) => Promise<{ readonly token: string; readonly policyName: string }>
  readonly setPolicy: (policyName: string, policy: string) => Promise<void>
}

/** The server at `address`, whose root token is `root`. */
export function openBaoAt(address: string): OpenBao {
  const root = nodeVault({ endpoint: address, token: 'root' })
  const setPolicy = async (policyName: string, policy: string): Promise<void> => {
    await root.write(`sys/policies/acl/${policyName}`, { policy })
  }
  return {
    address,
    root,
    setPolicy,
    async mountTransit(path = `transit-${randomBytes(4).toString('hex')}`) {
      await root.delete(`sys/mounts/${path}`).catch(() => undefined) // left by an earlier run
      await root.write(`sys/mounts/${path}`, { type: 'transit' })
      return path
    },
    async createToken(policy) {
      const policyName = `limited-${randomBytes(4).toString('hex')}`
      await setPolicy(policyName, policy)
      // The client's answers have no type.
      const answer = (await root.write('auth/token/create', { policies: [policyName] })) as {
        auth: { client_token: string }
      }
      return { token: answer.auth.client_token, policyName }
    },
  }
}
